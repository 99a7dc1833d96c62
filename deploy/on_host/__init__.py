"""Programs that the deploy installs on the hosts; standard library only."""
