"""What the kind of host can and cannot show about lost writes, next to the figure."""

from firedrill.experiments.judge.facts import Fault
from firedrill.experiments.judge.findings import Findings

SHORT = {"nspawn": "page cache not lost", "uml": "page cache lost"}
SENTENCES = {
    "nspawn": (
        "{hosts}: a container shares the kernel of the machine that runs it. The power cut ended its processes, but "
        "the page cache survived: this run cannot show the loss of writes acknowledged before they were on disk."
    ),
    "uml": (
        "{hosts}: a virtual machine with a kernel of its own. The power cut erased its page cache, so writes that were "
        "acknowledged before they were on disk would be lost; a write cache in the disk itself is not simulated."
    ),
    "": (
        "{hosts}: not created by this lab. Whether the power cut erased the page cache and the write cache of the disk "
        "depends on the power command of the inventory."
    ),
}


def loses_memory(fault: Fault) -> bool:
    """Whether the fault takes a host's memory away without flushing it."""
    forced = any(event.args.get("how") == "force" for event in fault.phases)
    return fault.fault == "power_cut" or (fault.fault == "reboot" and forced)


def by_provider(findings: Findings) -> dict[str, list[str]]:
    """The hosts that lost power, by provider; the empty name means existing machines."""
    found: dict[str, list[str]] = {}
    for fault in findings.faults:
        if fault.host and loses_memory(fault):
            hosts = found.setdefault(findings.run.providers.get(fault.host, ""), [])
            hosts += [fault.host] if fault.host not in hosts else []
    return found


def durability_sentences(findings: Findings) -> list[str]:
    """What a run with a power cut proves about durability; empty for a run without, or if the hosts are unknown."""
    if not findings.run.providers:
        return []
    return [
        SENTENCES.get(provider, SENTENCES[""]).format(hosts=", ".join(hosts))
        for provider, hosts in by_provider(findings).items()
    ]


def durability_note(findings: Findings) -> str:
    """The same in a few words, below the headline figure."""
    return ", ".join(SHORT[provider] for provider in by_provider(findings) if provider in SHORT)
