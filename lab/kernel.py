"""The user-mode Linux kernel: Debian sid's package, fetched once by this machine's apt and cached.

The packages of Debian 12 and 13 do not run on current processors. It comes from the same mirror as the packages of
the host image.
"""

import shutil
from pathlib import Path

from firedrill.inventories.errors import Problem
from firedrill.lab import paths
from firedrill.lab.guest import Tell
from firedrill.lab.run import CommandFailed, run

PACKAGE, SUITE = "user-mode-linux", "sid"


def cached() -> Path | None:
    """The folder of the unpacked kernel (`linux`, and `tree` with its modules), or None if it was not fetched yet."""
    return max(paths.CACHE.glob("kernel-uml-*/"), key=lambda folder: folder.stat().st_mtime, default=None)


def version(folder: Path) -> str:
    """The version of an unpacked kernel's package."""
    return folder.name.removeprefix("kernel-uml-")


def ensure(image: Path, tell: Tell) -> Path:
    """The folder of the kernel. Fetches it if it is missing. Call with the cache locked. Raises Problem."""
    if folder := cached():
        return folder
    partial = paths.CACHE / "kernel-uml.partial"
    partial.mkdir()
    try:
        return _unpack(_package(image, partial, tell), partial)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _package(image: Path, folder: Path, tell: Tell) -> Path:
    """The package file: one that the user put into the cache, or one fetched into `folder`."""
    if given := sorted(paths.CACHE.glob(f"{PACKAGE}_*.deb")):
        return given[-1]
    tell(f"fetching Debian's {PACKAGE}; done once")
    apt = refresh(image, folder)
    _apt(["env", f"--chdir={folder}", *apt("apt-get"), "download", PACKAGE])
    return next(folder.glob(f"{PACKAGE}_*.deb"))


def candidate(image: Path, folder: Path) -> str:
    """The version that apt would fetch, looked up in a temporary folder. Raises Problem if there is none."""
    apt = refresh(image, folder)
    shown = _apt([*apt("apt-cache"), "madison", PACKAGE])
    if not shown.strip():
        raise Problem(f"{SUITE} has no package {PACKAGE}", f"put a {PACKAGE}_*.deb of 7.2 or later into {paths.CACHE}")
    return shown.split("|")[1].strip()


def refresh(image: Path, folder: Path):
    """Fetch sid's package lists into a separate apt state below `folder`; return how to call that apt."""
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "sources.list").write_text(f"deb {mirror(image)} {SUITE} main\n")
    settings = {
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::trusted": "/dev/null",
        "Dir::Etc::trustedparts": f"{image}/etc/apt/trusted.gpg.d/",
        "Dir::State": folder,
        "Dir::State::status": "/dev/null",
        "Dir::Cache": folder,
        "APT::Architecture": "amd64",
        "APT::Sandbox::User": "root",
        "Acquire::Languages": "none",
        "Acquire::Retries": "2",
        "APT::Update::Error-Mode": "any",
    }
    options = [word for name, value in settings.items() for word in ("-o", f"{name}={value}")]
    _apt(["apt-get", *options, "-q", "update"])
    return lambda command: [command, *options]


def mirror(image: Path) -> str:
    """The mirror that the image's packages came from."""
    for line in (image / "etc/apt/sources.list").read_text().splitlines():
        words = [word for word in line.split() if not word.startswith("[")]
        if len(words) > 3 and words[0] == "deb":
            return words[1]
    raise Problem(f"the image {image} has no package source", "run `lab image --rebuild`")


def _apt(command: list[str]) -> str:
    try:
        return run(command).stdout
    except CommandFailed as failed:
        raise Problem(
            f"Debian's {PACKAGE} cannot be fetched ({failed.output or failed.cause})",
            f"check this machine's network and DNS, or put a {PACKAGE}_*.deb of 7.2 or later into {paths.CACHE}",
        ) from None


def _unpack(package: Path, partial: Path) -> Path:
    tree, modules = partial / "kernel/tree", partial / "kernel/tree/usr/lib/modules"
    run(["dpkg-deb", "--extract", str(package), str(partial / "unpacked")])
    modules.parent.mkdir(parents=True)
    (partial / "unpacked/usr/lib/uml/modules").rename(modules)
    (partial / "unpacked/usr/bin/linux.uml").rename(tree.parent / "linux")
    name = run(["dpkg-deb", "--field", str(package), "Version"]).stdout.strip()
    return tree.parent.rename(paths.CACHE / f"kernel-uml-{name.replace(':', '_')}")
