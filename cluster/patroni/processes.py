"""The processes of a Patroni cluster's hosts: units, how their process ids are found, log files, packages."""

from firedrill.cluster import units
from firedrill.inventories.read import Host

# A host may run several instances of PostgreSQL. Patroni's runs in the control group of its unit. One that it found
# running and adopted is in another group, and is known only if it is the only one that the glob matches.
POSTMASTER = """\
found= only= instances=0
for version in {folder}/PG_VERSION; do
  [ -e "$version" ] || continue
  instances=$((instances + 1))
  number=$(head -n 1 "${{version%PG_VERSION}}postmaster.pid" 2>/dev/null) || continue
  case $number in (""|*[!0-9]*) continue;; esac
  only=$number
  if grep -qsE '/{unit}(/|$)' /proc/$number/cgroup; then found=$number; fi
done
if [ -n "$found" ]; then echo $found
elif [ $instances = 1 ]; then echo $only
else echo "$instances data directories match postgres_data ({folder}), none is known to be of {unit}" >&2; fi"""
SERVICES = {
    "postgres": ("patroni",),
    "etcd": ("etcd",),
    "proxy": ("haproxy", "keepalived"),
    "app": ("app",),
}
PACKAGES = ("patroni", "postgresql-17", "etcd-server")


def unit(process: str, host: Host) -> str:
    """The unit that runs a process: PostgreSQL is a child of Patroni's."""
    return units.unit_name("patroni" if process == "postgres" else process, host)


def main_process(process: str, host: Host) -> str:
    """Shell text that prints the id of the main process: PostgreSQL's is in its pid file.

    Nothing where there is none, or where several could be meant: the errors then say so.
    """
    if process == "postgres":
        return POSTMASTER.format(folder=host.data["postgres_data"], unit=unit("patroni", host))
    return units.main_process(unit(process, host))


def all_processes(process: str, host: Host) -> str:
    """Shell text that prints the ids of all processes.

    PostgreSQL is the postmaster and its children. Patroni is its main process alone: PostgreSQL runs on without it.
    """
    if process == "postgres":
        return f'main=$({main_process(process, host)}); [ -z "$main" ] || {{ echo $main; pgrep -P $main; }}'
    if process == "patroni":
        return main_process(process, host)
    return units.all_processes(unit(process, host))


def log_files(host: Host) -> list[str]:
    """PostgreSQL's own log files; everything else logs to the journal."""
    return list(host.data["postgres_logs"]) if "postgres" in host.roles else []
