"""A release of chaosblade as theirs is packed, with a `blade` of the tests' own (fake_blade.py)."""

import hashlib
import io
import tarfile
from pathlib import Path

FAKE = Path(__file__).with_name("fake_blade.py")


def archive(folder: Path, top: str) -> tuple[Path, str]:
    """A release as theirs is packed, and its checksum."""
    file = folder / f"{top}.tar.gz"
    spec = f"yaml/chaosblade-os-spec-{top.split('-')[1]}.yaml"
    with tarfile.open(file, "w:gz") as out:
        for name, text in (("blade", FAKE.read_bytes()), ("bin/chaos_os", b""), (spec, b"")):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(text), 0o755
            out.addfile(entry, io.BytesIO(text))
    return file, hashlib.sha256(file.read_bytes()).hexdigest()


def options_of(file: Path, checksum: str) -> tuple[str, ...]:
    """The options of pyinfra that name the release."""
    return "--data", f"chaosblade_archive={file}", "--data", f"chaosblade_sha256={checksum}"
