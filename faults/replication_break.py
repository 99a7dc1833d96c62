"""Standbys that the primary lets in no more."""

import re
import shlex
from dataclasses import dataclass
from typing import Any, ClassVar

from faults import remote
from faults.on_host import OnHost
from faults.protocol import NotClean, NotEffective, Refused, Target, poll

SECONDS = 10
BACK_SECONDS = 60
# Not one of these commits may wait for the standbys that it is about.
PSQL = "runuser -u postgres -- psql -qAtX -d postgres -c 'SET synchronous_commit = local'"
STREAMING = "SELECT count(*) FROM pg_stat_replication WHERE usename = '{user}' AND state = 'streaming'"


@dataclass(frozen=True)
class ReplicationBreak(OnHost):
    """Lock the replication `user` out of the primary and end its connections; healed, the standbys stream again.

    A slot that is dropped is none of it: Patroni makes it again within a loop_wait.
    """

    user: str = "replicator"

    kind: ClassVar[str] = "cluster"
    default_limit_s: ClassVar[float] = 60

    def check(self) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]*", self.user):
            raise Refused(f"no user {self.user!r}", "give the name of the replication user, in small letters")

    def refuse_host(self, target: Target) -> None:
        shown = self._ask(target, "SELECT pg_is_in_recovery()")
        if shown != "f":
            raise Refused(f"{target.host.name} is no primary", "take the target `leader`")
        if not self._streaming(target):
            raise Refused(f"{target.host.name}: no standby streams as {self.user}", "name the user with `--user`")

    def note(self, target: Target) -> dict[str, Any]:
        return {"standbys": self._streaming(target)}

    def harm_text(self, target: Target) -> str:
        end = f"SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE usename = '{self.user}'"
        return f'{PSQL} -c "ALTER ROLE {self.user} NOLOGIN" -c "{end}" >/dev/null'

    def undo_text(self, target: Target) -> str:
        """Fails, and is tried again, while this host is a standby that has not heard of the role's return."""
        can = f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{self.user}'"
        return f'[ "$({PSQL} -c "{can}")" = t ] || {PSQL} -c "ALTER ROLE {self.user} LOGIN"'

    def prove(self, target: Target) -> str:
        if not poll(lambda: self._streaming(target) == 0, SECONDS, step=0.2):
            raise NotEffective(f"{target.host.name}: {self._streaming(target)} standbys stream still", "")
        return f"{target.host.name}: none of {target.before['standbys']} standbys streams"

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
        return int(self._ask(target, STREAMING.format(user=self.user)) or 0)

    def _ask(self, target: Target, question: str) -> str:
        return remote.sh(target.ssh, f"{PSQL} -c {shlex.quote(question)} 2>/dev/null", check=False)
