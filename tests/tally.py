"""The random fault sequences of a run, counted: how many ran, and how many hosts they left dirty."""

DIRTY = "hosts left dirty"


def pytest_terminal_summary(terminalreporter):
    reports = [one for name in ("passed", "failed") for one in terminalreporter.stats.get(name, ())]
    found = [dict(one.user_properties) for one in reports if one.when == "call"]
    if dirty := [one[DIRTY] for one in found if DIRTY in one]:  # of a sequence that broke off: all its hosts
        terminalreporter.write_line(f"random fault sequences: {len(dirty)}, hosts left dirty: {sum(dirty)}")
