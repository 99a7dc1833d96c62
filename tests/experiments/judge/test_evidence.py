"""Evidence that is missing, late, partial or contradictory: the verdict is *unknown*, never *pass*."""

import pytest

from firedrill.experiments.judge.verdict import judge_events


@pytest.fixture(scope="module")
def run(builder):
    return builder.power_cut_run


def changed(events, change):
    """The events as `change` returns them: a copy of each is handed to it, and None leaves it out."""
    return [new for event in events if (new := change(dict(event))) is not None]


def expecting(metric, op, wanted):
    return ({"name": metric, "metric": metric, "op": op, "wanted": wanted},)


def is_unknown(events, words):
    verdict = judge_events(events)
    assert verdict.verdict == "unknown"
    assert any(words in sentence for sentence in verdict.why), verdict.why
    return verdict


# -- observers -------------------------------------------------------------------------------------------


def test_users_who_were_not_observed_before_the_fault_had_no_rate(run):
    """A silence before the fault makes the rate before it smaller, and the ratio that a drill expects greater."""
    ratio = expecting("during.write_ratio", ">=", 0.5)
    assert judge_events(run(expectations=ratio)).verdict == "fail"
    is_unknown(run(expectations=ratio, silent=(("users", None, -9, -0.5),)), "found not observed")


def test_a_silence_of_the_probe_before_the_fault_hides_no_outage_after_it(run, builder):
    """Writes that pause for long before the fault may pause so after it; a probe that was silent saw no pause."""
    short = {"steady": 12, "power_on": 6, "answers": 7, "clean": 8, "rejoined": 9, "steady_after_ok": True}
    events = [
        event
        for event in run(back=False, expectations=builder.EXPECTATIONS[:1], **short)
        if event["source"] != "write_probe" or not builder.at(-14) < event["t"] < builder.at(-0.5)
    ]
    assert judge_events(events).verdict == "fail"


@pytest.mark.parametrize("source", ["node_probe", "members"])
def test_a_node_whose_certificate_cannot_be_verified_was_not_observed(run, source):
    """The node may have been a second primary: with failed writes as samples the run would pass."""
    cause = "the certificate of 10.0.0.23 has expired: renew it"

    def change(event):
        if event["source"] == source and event["host"] == "db3":
            return {**{name: event[name] for name in ("t", "source", "host")}, "kind": "unobserved", "error": cause}
        return event

    verdict = is_unknown(changed(run(), change), f"{source}: wanted a sample of db3")
    assert any(sentence.endswith(f"({cause}).") for sentence in verdict.why)
    assert (verdict.dual_primary_ms is None) == (source == "node_probe")


@pytest.mark.parametrize("listed", [["db1", "db2"], [], None])
def test_a_node_that_the_probe_was_not_to_watch_is_not_watched(run, listed):
    def change(event):
        if event["kind"] == "run":
            rows = event["observers"]
            event["observers"] = [row | {"hosts": listed} if row["name"] == "node_probe" else row for row in rows]
        return None if event["source"] == "node_probe" and event["host"] == "db3" else event

    assert is_unknown(changed(run(), change), "node_probe: wanted a sample of db3").dual_primary_ms is None


# -- writes ----------------------------------------------------------------------------------------------


def test_without_an_observer_that_writes_nothing_is_known_to_be_lost(run, builder):
    """An inventory or a recording may need no observer at all; then no write was seen, and none can be vouched for."""

    def change(event):
        if event["kind"] == "run":
            event["observers"] = []
        return None if event["source"] in builder.INTERVALS or event["kind"] == "observer" else event

    verdict = is_unknown(changed(run(expectations=builder.EXPECTATIONS[1:2]), change), "lost == 0, found not observed")
    assert (verdict.acked, verdict.lost, verdict.ghost) == (None, None, None)


def test_where_nothing_was_acknowledged_nothing_is_known_to_be_lost(run, builder):
    def change(event):
        if event["source"] == "write_probe" or event.get("method") == "POST":
            event["outcome"] = "failed"
        return event | {"present": {"ids": []}, "present_end": {"count": 0}}.get(event["kind"], {})

    is_unknown(changed(run(expectations=builder.EXPECTATIONS[1:2]), change), "lost == 0, found not observed")


@pytest.mark.parametrize(
    ("steady", "holder", "read_from"),
    [
        (None, None, "db2"),
        (None, "db2", "db3"),
        ("db3", "db2", "db3"),
        ("db2", "db3", "db2"),
        ("db2", "db2", None),
        (None, None, None),
    ],
)
def test_tables_are_read_from_the_leader_that_both_observations_name(run, steady, holder, read_from):
    def change(event):
        if event["kind"] == "steady" and event["phase"] == "after":
            event["leader"] = steady
        if event["kind"] == "leadership" and event["holder"] == "db2":
            event["holder"] = holder
        return event | ({"leader": read_from} if event["kind"] == "present_end" else {})

    assert is_unknown(changed(run(), change), "wanted the leader").lost is None


def test_an_id_of_the_probe_acknowledged_twice_may_hide_a_lost_write(run):
    """Two writes of one id: the table holds one, and nobody knows whether it lost the other."""
    events = run()
    acked = [event for event in events if event["source"] == "write_probe" and event["outcome"] == "acked"]
    assert is_unknown([*events, acked[9] | {"t": acked[9]["t"] + 1}], "1 ids of probe were acknowledged twice")


# -- what was done ---------------------------------------------------------------------------------------


def moved(kind, phase, seconds):
    """A change that moves the events of this kind and phase to another time."""

    def change(event):
        same = event["source"] == "runner" and (event["kind"], event.get("phase")) == (kind, phase)
        return event | ({"t": seconds} if same else {})

    return change


@pytest.mark.parametrize(
    ("kind", "phase", "seconds", "words"),
    [
        ("steady", "before", 44, "Steady state before: wanted an observation"),
        ("steady", "after", 10, "Steady state after: wanted an observation"),
        ("fault", "clean", 5, "wanted proof that it was healed"),
        ("fault", "effective", 36, "wanted proof of its effect"),
    ],
)
def test_what_was_recorded_at_the_wrong_time_is_no_proof(run, builder, kind, phase, seconds, words):
    events = changed(run(), moved(kind, phase, builder.at(seconds)))
    is_unknown(sorted(events, key=lambda event: event["t"]), words)


def test_a_second_injection_with_the_same_id_needs_proofs_of_its_own(run, builder):
    heal = next(event for event in run() if event.get("phase") == "heal")
    again = [heal | {"phase": "inject", "t": builder.at(39)}, heal | {"t": builder.at(40)}]
    is_unknown([*run(), *again], "wanted proof of its effect, found no proof")


def test_a_fault_of_which_only_the_failure_was_recorded_is_not_forgotten(run, builder):
    inject = next(event for event in run() if event.get("phase") == "inject")
    other = inject | {"id": "f2", "host": "db3", "phase": "not_effective", "t": builder.at(1), "detail": "no effect"}
    is_unknown([*run(), other], "power_cut of db3: wanted a record of its injection, found only not_effective")


def test_a_run_that_completed_has_all_its_steps_and_no_error(run, builder):
    cut = [event | ({"steps_done": False} if event["kind"] == "end" else {}) for event in run()]
    is_unknown(cut, "wanted all its steps to be executed")
    error = builder.event(49, "runner", "broken_off", part="the hosts' logs", error="KeyError: 'db9'")
    is_unknown([*run(), error], "wanted no error in any of its parts, found the hosts' logs: KeyError: 'db9'")


def test_a_run_whose_judge_crashed_can_be_judged_again(run, builder):
    crash = builder.event(60, "runner", "broken_off", part="The judge", error="KeyError: 'holder'")
    assert judge_events([*run(), crash]).verdict == "pass"


def test_settings_without_a_record_of_their_restoration_are_left_changed(run, builder):
    changes = builder.event(-14, "runner", "settings", phase="set", before={"ttl": 20}, after={"ttl": 40})
    verdict = is_unknown([*run(), changes], 'wanted the settings {"ttl": 20} restored, found no record of it')
    assert verdict.why[0].startswith("The cluster is left changed")


# -- a zero that nothing proves --------------------------------------------------------------------------


@pytest.mark.parametrize(("begin", "end"), [(-99, 99), (-99, 0), (34, 99)])
def test_a_node_whose_probe_never_got_an_answer_is_not_watched(run, builder, begin, end):
    """A wrong password on one node looks like a node that takes no writes."""
    dead = {"outcome": "failed", "readonly": False, "epoch": None, "error": "28P01: password authentication failed"}
    db3 = ("node_probe", "db3")

    def change(event):
        now = (event["source"], event["host"]) == db3 and builder.at(begin) <= event["t"] <= builder.at(end)
        return event | (dead if now else {})

    verdict = is_unknown(changed(run(), change), "dual_primary_ms == 0 ms, found not observed")
    assert verdict.diverged is None


def with_epochs(events, names):
    """The events, with the epochs of nodes' writes renamed."""
    return [
        event | ({"epoch": names.get(event["epoch"])} if event["source"] == "node_probe" else {}) for event in events
    ]


@pytest.mark.parametrize("names", [{}, {1: 0, 2: 0}, {1: 1, 2: "view:2"}])
def test_without_epochs_in_order_no_fork_is_ruled_out(run, names):
    wanted = run(expectations=expecting("diverged", "==", 0))
    assert judge_events(wanted).verdict == "pass"
    is_unknown(with_epochs(wanted, names), "diverged == 0, found not observed")


def test_epochs_that_are_texts_are_in_the_order_in_which_they_were_first_seen(run):
    verdict = judge_events(with_epochs(run(expectations=expecting("diverged", "==", 0)), {1: "9:5", 2: "10:6"}))
    assert (verdict.verdict, verdict.diverged) == ("pass", 0)


def test_a_fork_is_found_where_epochs_are_texts(run):
    """Writes of the old primary go on after the new one acknowledged some."""
    events = with_epochs(run(expectations=expecting("diverged", "==", 0)), {1: "9:5", 2: "10:6"})
    acked = [event for event in events if event["source"] == "node_probe" and event["outcome"] == "acked"]
    last = max(acked, key=lambda event: event["t"])
    late = [
        last | {"host": "db1", "epoch": "9:5", "start": last["t"] + n * 10**6, "t": last["t"] + n * 10**6 + 1000}
        for n in range(1, 4)
    ]
    verdict = judge_events(sorted([*events, *late], key=lambda event: event["t"]))
    assert verdict.diverged == 3 and verdict.diverged_timelines[0].timeline == "9:5"


@pytest.mark.parametrize(
    ("source", "kind", "field"),
    [("runner", "steady", "leader"), ("write_probe", "write", "server"), ("leadership", "leadership", "holder")],
)
def test_a_leader_of_an_unknown_name_was_not_watched(run, source, kind, field):
    def change(event):
        same = (event["source"], event["kind"], event.get(field)) == (source, kind, "db2")
        return event | ({field: "pg9"} if same else {})

    assert is_unknown(changed(run(), change), "pg9 is a member of the cluster and was not watched")


def test_users_who_asked_for_nothing_saw_no_error_and_show_nothing(run, builder):
    def change(event):
        late = event["kind"] == "request" and event["t"] > builder.at(0)
        return None if late else event

    events = changed(run(expectations=expecting("user_errors", "<=", 9000)), change)
    assert judge_events(run(expectations=expecting("user_errors", "<=", 9000))).verdict == "pass"
    assert is_unknown(events, "user_errors <= 9,000, found not observed").user_requests is None


# -- expectations that compare nothing -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "op", "wanted", "words"),
    [
        ("leader_after", "!=", "leader_befor", "leader_befor is neither a figure nor a host"),
        ("leader_after", "!=", 1, "a text with a number"),
        ("during", "!=", 0, "a figure with parts with a number"),
        ("lost", "==", False, "a number with a boolean"),
        ("rto_ms", "!=", "rto", "a number with a text"),
        ("tcp.unfenced", "==", 0, "found not observed"),
        ("lots", "==", 0, "no figure of that name"),
        ("lost", "=", 0, "no operator of that name"),
    ],
)
def test_values_that_say_nothing_about_each_other_are_unknown(run, metric, op, wanted, words):
    is_unknown(run(expectations=expecting(metric, op, wanted)), words)


def test_a_dotted_name_in_wanted_is_a_figure(run):
    assert judge_events(run(expectations=expecting("rto_ms", ">=", "phases.detect_ms"))).verdict == "pass"
