"""etcd: one member per host, a quorum before anything needs it, and never more than one member restarting."""

from firedrill.deploy import topology
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile


def etcd() -> None:
    """Configure the member, start it, wait for the quorum."""
    if not topology.has("etcd"):
        return
    me, ports = topology.me(), topology.data()["ports"]
    configured = files.write(
        name="Write the etcd configuration",
        files=[
            HostFile("/etc/default/etcd", topology.render("etcd.env.j2")),
            HostFile("/etc/systemd/system/etcd.service.d/firedrill.conf", topology.render("etcd.service.conf.j2")),
        ],
        units=["etcd"],
    )
    # A first start waits for the other members, so all start at the same time. Later restarts go one by one (each
    # ends when the member is back): a changed setting must not cost the quorum.
    services.running(name="Start etcd", unit="etcd", verb=services.AT_START)
    services.applied(
        name="Restart etcd member by member where its configuration changed",
        unit="etcd",
        changed=[configured],
        verb="restart",
        _serial=True,
    )
    waits.until(
        name="Wait for the quorum of etcd",
        check="quorum",
        seconds=topology.data()["deadlines"]["quorum"],
        service="etcd",
        url=f"http://{me.address}:{ports['etcd']}",
    )
