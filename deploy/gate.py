"""What every deploy passes before it changes anything, also that of one part: root, preflight, lock, foreign settings.

Each part goes through it first. It is passed once for each host; the rest of it once for each run.
"""

from pyinfra import host

from firedrill.deploy import command_line
from firedrill.deploy.refused import refusing

command_line.watch()
_passed: set[str] = set()


def through() -> None:
    """Refuse what preflight refuses, and settings and users of others that can run commands."""
    if host.name in _passed:
        return
    _passed.add(host.name)
    from firedrill.deploy import systems  # noqa: PLC0415 - these import the parts
    from firedrill.deploy.preflight.run import preflight  # noqa: PLC0415

    preflight()
    refusing(systems.current().refuse_foreign)
