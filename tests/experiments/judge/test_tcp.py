"""TCP on the hosts, from made-up samples of the observer `tcp`."""

import pytest

from firedrill.experiments.judge.verdict import assess, judge_events
from firedrill.experiments.report import timeline_plot


@pytest.fixture(scope="session")
def hosts(builder) -> list[str]:
    return [host["name"] for host in builder.run_fields(builder.Story())["topology"]]


def judge(events):
    """The content of verdict.json."""
    return judge_events(events).to_json()


def tcp(events):
    return judge(events)["tcp"]


@pytest.fixture(scope="session")
def samples(builder, hosts):
    """The observer's samples: one a second of each host, `bad` a second on db1 until the healing."""

    def make(bad: int = 7, *, start: bool = True, reboot: float | None = None, silent: tuple[float, float] = (99, 99)):
        events = (
            [builder.event(-15.0, "runner", "observer", phase="start", name="tcp", interval_ms=2000)] if start else []
        )
        for host in hosts:
            for seconds in range(-14, 49):
                if host == "db1" and silent[0] < seconds <= silent[1]:
                    continue
                struck = bad if host == "db1" and 1 <= seconds <= 34 else 0
                boot = "two" if host == "db1" and reboot is not None and seconds >= reboot else "one"
                events.append(builder.event(
                    seconds, "tcp", "counters", host, start=builder.at(seconds - 1), reachable=True, retransmits=1,
                    checksum_errors=struck, sent=50, boot=boot, error=None,
                ))  # fmt: skip
        return events

    return make


@pytest.fixture(scope="session")
def measured(builder, samples):
    return lambda **knobs: tcp(builder.power_cut_run() + samples(**knobs))


def test_counts_what_came_under_the_fault(measured, hosts):
    found = measured()
    assert found["checksum_errors_during"] == 7 * 34
    assert found["retransmits_during"] == 34 * len(hosts)
    assert found["hosts"]["db1"]["checksum_errors"] == {"before": 0.0, "during": 7.0, "worst": 7}
    assert found["hosts"]["db2"]["retransmits"] == {"before": 1.0, "during": 1.0, "worst": 1}


def test_what_a_sample_across_the_fault_counted_was_not_there_before_it(builder, samples):
    """Its middle is before the fault, as most of it; what it counted may have come after."""
    across = {"start": builder.at(-0.8), "t": builder.at(0.2), "checksum_errors": 3}
    events = [e | across if (e["source"], e["host"], e["t"]) == ("tcp", "db1", builder.at(0)) else e for e in samples()]
    found = tcp(builder.power_cut_run() + events)
    assert found["hosts"]["db1"]["checksum_errors"]["before"] == 0


def test_a_host_that_spoke_with_another_kernel_was_rebooted(measured):
    assert measured()["rebooted"] == []
    assert measured(reboot=20)["rebooted"] == ["db1"]


@pytest.mark.parametrize(
    ("mode", "reboot", "unfenced"),
    [("required", None, 1), ("required", 20, 0), ("required", 30, 1), ("automatic", None, 0)],
)
def test_a_leader_that_lives_on_when_another_took_its_key_was_not_fenced(builder, samples, mode, reboot, unfenced):
    """The key is another's from 20.7 s on."""
    profile = builder.run_fields(builder.Story())["profile"] | {"watchdog": mode}
    expectation = ({"name": "Fenced", "metric": "tcp.unfenced", "op": "==", "wanted": 0},)
    events = builder.power_cut_run(run={"profile": profile}, expectations=expectation) + samples(reboot=reboot)
    verdict = judge(events)
    assert verdict["tcp"]["unfenced"] == unfenced
    assert verdict["verdict"] == ("fail" if unfenced else "pass")


def test_a_silence_hides_what_was_counted_and_is_a_gap(builder, samples):
    events = builder.power_cut_run() + samples(silent=(5, 20))
    found = tcp(events)
    assert (found["checksum_errors_during"], found["rebooted"]) == (None, None)
    verdict = judge(events)
    assert verdict["verdict"] == "unknown"
    assert any(sentence.startswith("tcp: wanted a sample of db1 every 10 s") for sentence in verdict["why"])


def test_a_host_out_of_reach_is_no_gap_and_no_figure(builder, samples):
    gone = [
        e | dict.fromkeys(("retransmits", "checksum_errors", "sent", "boot")) | {"reachable": False}
        if e["host"] == "db1" and 5 < e["t"] / 1e9 - builder.FAULT_AT / 1e9 < 20
        else e
        for e in samples()
    ]
    verdict = judge(builder.power_cut_run() + gone)
    assert verdict["verdict"] == "pass"
    assert verdict["tcp"]["retransmits_during"] is None
    assert verdict["tcp"]["hosts"]["db1"]["checksum_errors"]["worst"] == 7


@pytest.mark.parametrize(
    ("silence", "boot", "found"),
    [
        ((5, 20), "one", 7 * 34),
        ((5, 20), "two", None),  # what the kernel before it had counted is not known
        ((-3, 6), "one", None),  # some of it came before the fault
    ],
)
def test_an_unreachable_time_is_covered_by_a_later_sample_of_the_same_kernel(builder, samples, silence, boot, found):
    """db1 is not heard for a while, and its next sample counts everything since the one before."""
    begin, end = silence
    events = []
    for e in samples():
        seconds = (e["t"] - builder.FAULT_AT) / 1e9
        if e["host"] != "db1" or e["kind"] != "counters" or seconds <= begin:
            events.append(e)
        elif seconds < end:
            nothing = dict.fromkeys(("retransmits", "checksum_errors", "sent", "boot"))
            events.append(e | nothing | {"reachable": False, "start": e["t"], "error": "silent"})
        elif seconds == end:
            missed = 7 * (end - max(begin, 0))
            events.append(e | {"start": builder.at(begin), "checksum_errors": missed, "boot": boot})
        else:
            events.append(e | {"boot": boot})
    assert tcp(builder.power_cut_run() + events)["checksum_errors_during"] == found


def test_without_the_observer_there_is_no_figure(builder):
    expectation = ({"name": "It", "metric": "tcp.checksum_errors_during", "op": ">=", "wanted": 1},)
    verdict = judge(builder.power_cut_run(expectations=expectation))
    assert (verdict["tcp"], verdict["verdict"]) == (None, "unknown")


@pytest.mark.parametrize(("bad", "wanted"), [(7, "pass"), (0, "fail")])
def test_an_expectation_of_it_can_fail(builder, samples, bad, wanted):
    expectation = ({"name": "It", "metric": "tcp.checksum_errors_during", "op": ">=", "wanted": 10},)
    assert judge(builder.power_cut_run(expectations=expectation) + samples(bad=bad))["verdict"] == wanted


def test_a_picture_of_it_is_drawn_only_where_it_was_observed(builder, samples):
    def titles(events: list[dict]) -> list[str]:
        return [axes.get_title(loc="left") for axes in timeline_plot.figure(assess(events).findings).axes]

    assert any(title.startswith("TCP segments") for title in titles(builder.power_cut_run() + samples()))
    assert not any(title.startswith("TCP segments") for title in titles(builder.power_cut_run()))


@pytest.mark.parametrize("lacks", ["before", "after", "boot"])
def test_whether_a_host_was_fenced_is_unknown_without_its_boots_before_and_after(builder, samples, lacks):
    """A host that never answers again, or of which no boot is known, may run on with the kernel that it had."""
    spans = {"before": (-99, 0), "after": (builder.Story().new_key, 99)}

    def change(event):
        if event["host"] != "db1":
            return event
        begin, end = spans.get(lacks, (-99, 99))
        unseen = builder.at(begin) <= event["t"] <= builder.at(end)
        nothing = dict.fromkeys(("retransmits", "checksum_errors", "sent", "boot")) | {"reachable": False}
        nothing = {"boot": None} if lacks == "boot" else nothing
        return event | (nothing if unseen else {})

    run = builder.power_cut_run(run={"profile": {"ttl": 20, "watchdog": "required"}})
    found = tcp(run + [change(event) for event in samples(reboot=19)])
    assert found["unfenced"] is None
