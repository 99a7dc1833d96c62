"""Run an experiment, and everything around it: steady state, settings, repair, suites, the doctor."""
