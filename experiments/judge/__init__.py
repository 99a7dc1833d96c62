"""The judge: a pure function from a run's events to a verdict.

recording (check, upgrade, sort, index) -> recorded and gaps (typed facts, what was observed) -> basis -> the figures
(outages, failover, writes, primaries, users, recovery, tcp, prediction) -> findings -> reasons -> verdict.
`contract` says what an event holds, `schema` what a verdict holds; `tables` writes both into the docs.
"""
