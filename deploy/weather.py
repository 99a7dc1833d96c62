"""The weather app: gunicorn under its own user behind nginx. It starts before its database exists."""

import re
from pathlib import Path

from firedrill import package
from firedrill.deploy import gate, systems, tls, topology
from firedrill.deploy.operations import files, services, waits
from firedrill.deploy.operations.files import HostFile

CODE = (
    *("__init__.py", "api.py", "clients.py", "database.py", "health.py", "wsgi.py"),
    *("mysql.py", "mysql_pool.py", "postgresql.py", "postgresql_pool.py"),
)
HOME = Path("/opt/weather")


def weather() -> None:
    """Install the app and start it. It answers requests while its database is not available."""
    gate.through()
    if not topology.has("app"):
        return
    app = files.write(name="Write the weather app and its configuration", files=_app_files(), units=["weather"])
    services.running(name="Start the weather app", unit="weather", changed=[app], verb="restart")
    front = files.write(
        name="Write the nginx configuration",
        files=[*tls.pair("app"), HostFile("/etc/nginx/nginx.conf", topology.render("nginx.conf.j2"))],
        units=["nginx"],
    )
    services.running(name="Start nginx", unit="nginx", changed=[front])


def serving() -> None:
    """Wait until the app reads and writes."""
    gate.through()
    if not topology.has("app"):
        return
    scheme = "https" if topology.data()["tls"] else "http"
    waits.until(
        name="Wait until the weather app reads and writes",
        check="app",
        seconds=topology.data()["deadlines"]["app"],
        service="weather",
        url=f"{scheme}://{topology.me().address}:{topology.data()['ports']['weather']}/healthz",
    )


def quoted(text: str) -> str:
    """The text inside double quotes of an EnvironmentFile of systemd."""
    return re.sub(r'([\\"`$])', r"\\\1", text)


def _app_files() -> list[HostFile]:
    source = package.file("weather")
    code = [HostFile(str(HOME / "weather" / name), (source / name).read_text()) for name in CODE]
    secret = topology.render(
        "weather.env.j2",
        kind=systems.current().app,
        front=topology.front(),
        password=quoted(topology.passwords()["weather"]),
    )
    return [
        *code,
        *([tls.authority()] if topology.data()["tls"] else []),
        HostFile("/etc/weather/gunicorn.conf.py", topology.render("gunicorn.conf.py.j2")),
        HostFile("/etc/weather/weather.env", secret, mode=0o600),
        HostFile("/etc/sysusers.d/weather.conf", topology.render("weather.sysusers.j2")),
        HostFile("/etc/systemd/system/weather.service", topology.render("weather.service.j2")),
    ]
