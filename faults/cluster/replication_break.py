"""Standbys that cannot stream from the primary."""

import re
import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from firedrill.cluster import ssh
from firedrill.faults.on_host import OnHost
from firedrill.faults.protocol import NotClean, NotEffective, Refused, Target, poll

SECONDS = 10
BACK_SECONDS = 60
# None of these commits may wait for the standbys.
PSQL = "runuser -u postgres -- psql -qAtX -d postgres -c 'SET synchronous_commit = local'"
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE usename = '{user}' AND state = 'streaming'"
HOW = ("lock_user", "drop_slots")
SLOT = re.compile(r"[a-z0-9_]{1,63}")
SLOTS = "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical' AND active"
SENDERS = "SELECT pid FROM pg_stat_replication WHERE pid IN (SELECT active_pid FROM pg_replication_slots)"
# A slot in use cannot be dropped, and its user soon reconnects.
DROP = """\
DO $$ DECLARE one text; BEGIN
  FOREACH one IN ARRAY ARRAY[{names}] LOOP
    FOR try IN 1..200 LOOP
      PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = one AND active;
      BEGIN
        PERFORM pg_drop_replication_slot(one);
        EXIT;
      EXCEPTION WHEN object_in_use THEN
        IF try = 200 THEN RAISE; END IF;
        PERFORM pg_sleep(0.02);
      END;
    END LOOP;
  END LOOP;
END $$;
"""
# A new slot keeps WAL from now on. On a standby, slots are up to Patroni.
MAKE = """\
SELECT pg_create_physical_replication_slot('{0}', true) WHERE NOT pg_is_in_recovery()
  AND NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '{0}');
"""


@dataclass(frozen=True)
class ReplicationBreak(OnHost):
    """Break replication at the primary, by `how` lock_user or drop_slots; once healed, the standbys stream again.

    lock_user: the replication `user` may not log in, and its connections are ended. drop_slots: the slots that its
    standbys use are dropped; Patroni creates them again within a loop_wait, and WAL not sent by then is gone.
    """

    user: str = "replicator"
    how: str = "lock_user"

    systems: ClassVar[tuple[str, ...]] = ("patroni",)
    kind: ClassVar[str] = "cluster"
    touches: ClassVar[tuple[str, ...]] = ()
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        if self.how not in HOW:
            raise Refused(f"{self.how!r} is not a way to break replication", f"choose one of {', '.join(HOW)}")
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", self.user):
            raise Refused(f"no user {self.user!r}", "give the name of the replication user, in lower case")

    def refuse_host(self, target: Target) -> None:
        shown = self._ask(target, "SELECT pg_is_in_recovery()")
        if not shown:
            raise Refused(f"{target.host.name}: PostgreSQL does not answer", "does it run, with its default socket?")
        if shown != "f":
            raise Refused(f"{target.host.name} is not a primary", "use the target `leader`")
        if not self._streaming(target):
            raise Refused(f"{target.host.name}: no standby streams as {self.user}", "name the user with `--user`")
        if self.how == "drop_slots" and not self._rows(target, SLOTS):
            raise Refused(f"{target.host.name}: no standby streams by a slot", "use lock_user")

    def note(self, target: Target) -> dict[str, Any]:
        noted = {"standbys": self._streaming(target)}
        if self.how == "drop_slots":
            return noted | {"slots": self._rows(target, SLOTS), "senders": self._rows(target, SENDERS)}
        return noted

    def inject_text(self, target: Target) -> str:
        if self.how == "drop_slots":
            names = ", ".join(f"'{name}'" for name in target.before.get("slots", ["SLOT"]))
            return _sql(DROP.format(names=names))
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE usename = '{self.user}'"
        return f'{PSQL} -c "ALTER ROLE {self.user} NOLOGIN" -c "{end}" >/dev/null'

    def undo_text(self, target: Target) -> str:
        """Fails, and is retried, while this host is a standby that has not replayed the role's change."""
        if self.how == "drop_slots":
            return _sql("".join(MAKE.format(name) for name in self._slots(target)))
        can = f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{self.user}'"
        return f'[ "$({PSQL} -c "{can}")" = t ] || {PSQL} -c "ALTER ROLE {self.user} LOGIN"'

    def _slots(self, target: Target) -> list[str]:
        found = target.before.get("slots", [])
        if not isinstance(found, list) or not all(SLOT.fullmatch(str(name)) for name in found):
            raise Refused(f"{target.host.name}: the record of its slots is damaged", "its timer heals it")
        return [str(name) for name in found]

    def prove(self, target: Target) -> str:
        if self.how == "drop_slots":
            return self._prove_dropped(target)
        if not poll(lambda: self._streaming(target) == 0, SECONDS, step=0.2):
            raise NotEffective(f"{target.host.name}: {self._streaming(target)} standbys still stream", "")
        return f"{target.host.name}: none of {target.before['standbys']} standbys streams"

    def still(self, target: Target) -> str | None:
        """drop_slots is momentary: Patroni creates the slots again."""
        return None if self.how == "drop_slots" else super().still(target)

    def lasts(self, target: Target) -> str:
        can = self._ask(target, f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{self.user}'")
        if can != "f" or (streaming := self._streaming(target)):
            found = f"{self.user} may log in" if can == "t" else f"{streaming} standbys stream" if can else "no answer"
            raise NotEffective(f"{target.host.name}: {found}", "")
        return f"{target.host.name}: {self.user} may not log in, and no standby streams"

    def _prove_dropped(self, target: Target) -> str:
        """The injection ended without error, so the slots were dropped; their senders must be gone, too."""
        gone = set(target.before["senders"])
        if not poll(lambda: not gone & set(self._rows(target, SENDERS)), SECONDS, step=0.2):
            raise NotEffective(f"{target.host.name}: the users of the slots still stream", "")
        left = len(set(self._slots(target)) & set(self._rows(target, "SELECT slot_name FROM pg_replication_slots")))
        again = f", {left} created again since" if left else ""
        return f"{target.host.name}: slots {', '.join(self._slots(target))} dropped, their streams ended{again}"

    def prove_clean(self, target: Target) -> str:
        wanted = target.before["standbys"]
        primary = self._ask(target, "SELECT pg_is_in_recovery()") == "f"
        if primary and not poll(lambda: self._streaming(target) >= wanted, BACK_SECONDS, step=0.3):
            raise NotClean(
                f"{target.host.name}: {self._streaming(target)} of {wanted} standbys stream after {BACK_SECONDS} s",
                "look at `patronictl list`",
            )
        return f"{self._streaming(target)} standbys stream again" if primary else f"{self.user} may log in again"

    def status(self, target: Target) -> str:
        return f"{self._streaming(target)} standbys stream"

    def _streaming(self, target: Target) -> int:
        shown = self._ask(target, STREAMING.format(user=self.user))
        return int(shown) if shown.isascii() and shown.isdigit() else 0

    def _rows(self, target: Target, question: str) -> list[str]:
        return self._ask(target, question).splitlines()

    def _ask(self, target: Target, question: str) -> str:
        return str(ssh.sh(target.ssh, f"{PSQL} -c {shlex.quote(question)} 2>/dev/null", check=False))


def _sql(text: str) -> str:
    return f"{PSQL} -v ON_ERROR_STOP=1 -f - <<'EOF' >/dev/null\n{text}EOF"
