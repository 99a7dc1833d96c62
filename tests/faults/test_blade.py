"""chaosblade's answers and loads are taken for what they are: its words, its reckoning, its pace."""

import subprocess
from dataclasses import replace

import pytest

from firedrill.faults.backends import blade
from firedrill.faults.backends.chaosblade import EXPERIMENTS
from firedrill.faults.protocol import NotEffective, Target
from firedrill.faults.resource import cpu, memory
from firedrill.inventories.access import Access
from firedrill.inventories.read import read
from firedrill.inventories.secrets import Secrets


@pytest.fixture(scope="module")
def target() -> Target:
    ways = Access(read(), Secrets())
    return Target("0badcafe", "db1", ways.inventory["db1"], ways, 60, connection=object())


@pytest.mark.parametrize(("answer", "code", "reason"), [
    ('{"code":200,"success":true,"result":"fd0d00000badcafe"}', 0, ""),
    ('{"code":63063,"success":false,"error":"`tc qdisc`: cmd exec failed, err: \\"no\\" dev"}', 1,
     'chaosblade: `tc qdisc`: cmd exec failed, err: \\"no\\" dev'),
    ("unknown flag: --cpu-percnt", 1, "chaosblade: unknown flag: --cpu-percnt"),
    ("\nError: unknown flag: --x\nUsage:\n  blade create", 1, "chaosblade: Error: unknown flag: --x"),
    ('{"code":200,"success":false}', 0, 'chaosblade: {"code":200,"success":false}'),
    ("", 1, "chaosblade: no answer"),
    ("x" * 5000 + "the cause", 1, f"chaosblade: {'x' * 108} ... {'x' * 191}the cause"),
])  # fmt: skip
def test_its_own_words_are_the_reason(target, tmp_path, answer, code, reason):
    program = tmp_path / "blade"
    program.write_text(f"#!/bin/sh\ncat <<'EOF' >&{2 if code else 1}\n{answer}\nEOF\nexit {code}\n")
    program.chmod(0o755)
    here = replace(target.host, data=target.host.data | {"chaosblade_folder": str(tmp_path)})
    text = blade.create_text(replace(target, host=here), "cpu fullload")
    done = subprocess.run(["sh", "-e"], input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (1 if reason else 0, reason)


def test_its_memory_is_reckoned_from_what_it_counts_as_free(target):
    words = EXPERIMENTS["memory"].words(memory.Memory(), replace(target, before={"wanted_mib": 700}))
    assert "MemFree|Buffers|Cached|SReclaimable" in words
    assert words.endswith("- 700 ))")


@pytest.mark.parametrize(("wanted_mib", "limit_s", "seconds"), [(100, 600, 21), (20_000, 600, 220), (20_000, 60, 60)])
def test_more_memory_is_given_more_time(monkeypatch, target, wanted_mib, limit_s, seconds):
    given = []
    monkeypatch.setattr(memory, "poll", lambda true, seconds: given.append(seconds))
    monkeypatch.setattr(memory.Memory, "_held", lambda *words: 0)
    with pytest.raises(NotEffective, match=f"holds 0 of {wanted_mib} MiB after {seconds} s"):
        memory.Memory().prove(replace(target, limit_s=limit_s, before={"wanted_mib": wanted_mib}))
    assert given == [seconds]


def looks(first: str, second: str) -> str:
    """What the host prints twice: ticks a second, processors, uptime, the host's ticks, its processes' ticks."""
    return f"100\n2\n10.0\n{first}\n\n100\n2\n13.0\n{second}\n"


IDLE, BUSY = "50 0 50 0 0 0", "350 0 50 0 0 0"
CPU = (
    ("own", looks(f"{IDLE}\n0 0", f"{BUSY}\n300 0"), "asked 50 % of 2 processors, used 50 %"),
    ("own", looks(f"{IDLE}\n0 0", f"{BUSY}\n9 0"), None),  # others are busy, not it
    ("chaosblade", looks(f"{IDLE}\n0 0", f"{BUSY}\n9 0"), "asked 50 % of 2 processors, used by all 50 %"),
    ("chaosblade", looks(f"{IDLE}\n0 0", f"{IDLE}\n0 0"), None),
    ("chaosblade", looks(IDLE, BUSY), None),  # busy, but it is gone
)


@pytest.mark.parametrize(("backend", "shown", "said"), CPU)
def test_whose_use_of_the_processors_counts(monkeypatch, target, backend, shown, said):
    monkeypatch.setattr(cpu.ssh, "script", lambda connection, text: shown)
    monkeypatch.setattr(cpu.ssh, "sh", lambda *words: "1.5 1 1")
    fault = cpu.Cpu(percent=50, backend=backend)
    if said is None:
        with pytest.raises(NotEffective, match="db1: asked 50 %"):
            fault.prove(target)
    else:
        assert said in fault.prove(target)


@pytest.mark.parametrize(("backend", "pause", "window"), [("own", 0.1, 0.6), ("chaosblade", 2, 3)])
def test_chaosblade_is_given_the_time_in_which_it_measures(monkeypatch, target, backend, pause, window):
    texts = []
    monkeypatch.setattr(cpu.ssh, "script", lambda connection, text: texts.append(text) or looks(IDLE, IDLE))
    with pytest.raises(NotEffective):
        cpu.Cpu(backend=backend).prove(target)
    assert texts[0].startswith(f"sleep {pause};")
    assert f"; sleep {window};" in texts[0]
