"""Show moments the way readers compare them: seconds from the first fault, and UTC."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime

SECOND = 1_000_000_000


@dataclass(frozen=True)
class Clock:
    """Formats moments (ns since the epoch) relative to `zero`, the first fault's injection."""

    zero: int

    def since(self, t: int) -> str:
        text = f"{(t - self.zero) / SECOND:+.2f} s".replace("-", "−")
        return "+0.00 s" if text == "−0.00 s" else text

    def utc(self, t: int) -> str:
        return datetime.fromtimestamp(t // 1000 / 1e6, UTC).strftime("%H:%M:%S.%f")[:-3]

    def day(self, t: int) -> str:
        return datetime.fromtimestamp(t // SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def capital(text: str, hosts: Collection[str] = ()) -> str:
    """Begin a sentence with a capital letter, unless it begins with the name of a host."""
    return text if not text or text.split()[0] in hosts else text[0].upper() + text[1:]
