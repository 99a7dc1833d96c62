"""The random fault sequences of a run, counted: how many ran, and how many hosts they left dirty."""

SEQUENCE, DIRTY = "sequence", "hosts left dirty"


def pytest_terminal_summary(terminalreporter):
    reports = [one for name in ("passed", "failed") for one in terminalreporter.stats.get(name, ())]
    found = [dict(one.user_properties) for one in reports if one.when == "call"]
    if sequences := [one for one in found if SEQUENCE in one]:
        dirty = [one[DIRTY] for one in sequences if DIRTY in one]
        broken = len(sequences) - len(dirty)  # their hosts were not looked at
        text = f"random fault sequences: {len(sequences)}, hosts left dirty: {sum(dirty)}, broken off: {broken}"
        terminalreporter.write_line(text)
