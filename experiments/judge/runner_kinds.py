"""The kinds of event that the runner records: what was done."""

from typing import get_args

from firedrill.experiments.judge.common_fields import CANNOT_LEAD, EPOCH, ERROR, HOST, MODES, NAME, START, UNWATCHED
from firedrill.experiments.judge.facts import FaultPhase
from firedrill.experiments.judge.fields import (
    BOOLEAN,
    COUNT,
    ID,
    INTEGER,
    LENGTH,
    NAMED_TEXTS,
    NUMBER,
    OBJECT,
    SCALAR,
    TEXT,
    TEXTS,
    Field,
    Kind,
    objects,
    one_of,
)

RUNNER = {
    "run": Kind(
        "The first event: what is run, where, and what is expected.",
        {
            "format": Field(INTEGER, "2.", True),
            "system": Field(TEXT, "The kind of cluster, by its name in `cluster/systems.py`.", True),
            "experiment": Field(TEXT, "The experiment's name.", True),
            "title": Field(TEXT, "Its title.", True),
            "question": Field(TEXT, "The question that it answers."),
            "hypothesis": Field(TEXT, "What is expected to happen."),
            "seed": Field(INTEGER, "The seed of all random choices."),
            "backend": Field(TEXT, "The backend of all faults, where one was asked for."),
            "inventory": Field(TEXT, "The inventory file."),
            "profile": Field(OBJECT, "The cluster's settings and timings (s).", True),
            "topology": Field(objects(name=NAME, address=Field(TEXT, ""), roles=Field(TEXTS, "")), "Every host.", True),
            "databases": Field(TEXTS, "Hosts that run the database.", True),
            "coordinators": Field(TEXTS, "Hosts of the coordination service.", True),
            "proxies": Field(TEXTS, "Hosts that run a proxy.", True),
            "tiers": Field(objects(title=NAME, hosts=Field(TEXTS, "", True)), "Hosts by job, front first.", True),
            "observers": Field(
                objects(
                    name=NAME,
                    interval_ms=Field(LENGTH, ""),
                    hosts=Field(TEXTS, ""),
                    required=Field(BOOLEAN, "", True),
                ),
                "The observers. With `hosts`, each of these hosts must be observed.",
                True,
            ),
            "unobserved": Field(TEXTS, "Observers that this cluster lacks, or that the inventory disables."),
            "unwatched": UNWATCHED,
            "cannot_lead": CANNOT_LEAD,
            "unwatched_coordinators": Field(TEXTS, "Members of the coordination service that the inventory lacks."),
            "versions": Field(NAMED_TEXTS, "Versions of the software on the hosts."),
            "machine": Field(OBJECT, "The controller: `cores`, `load_1m` (its load average as the run begins)."),
            "providers": Field(
                NAMED_TEXTS, "The lab provider of each host, by host: `nspawn`, `uml`; absent for existing hosts."
            ),
            "front": Field(TEXT, "The address that clients use."),
            "load": Field(
                OBJECT, "`file`, `rates` (arrivals per second, by name), `users` (their sum), `timeout_s`, `text`."
            ),
            "steps": Field(TEXTS, "The steps, in words."),
            "abort_when": Field(TEXT, "The stop condition, in words."),
            "expectations": Field(
                objects(
                    name=NAME,
                    metric=NAME,
                    op=NAME,
                    wanted=Field(SCALAR, ""),
                    if_coordinator_lost=Field(LENGTH, ""),
                ),
                "The expectations, each about one figure. `if_coordinator_lost` is wanted instead where the first "
                "faults hit the leader of the coordination service, too.",
                True,
            ),
            "quiet": Field(BOOLEAN, "True for an experiment that injects no fault."),
            "delivery": Field(
                one_of("received", "listed"),
                "What proves that an alert was delivered: a notification was `received` here, or the notifier `listed` "
                "it as active. Null without monitoring.",
            ),
            "alerts": Field(
                objects(
                    name=NAME,
                    within_ms=Field(LENGTH, "", True),
                    step=Field(COUNT, "", True),
                    host=Field(TEXT, ""),
                    optional=Field(BOOLEAN, ""),
                    resolved_within_ms=Field(LENGTH, ""),
                ),
                "The alerts that are expected after the first fault of a step (counted from 1; 0: of the run). `host`: "
                "the host that the alert is about; `hit` is the host of the fault.",
            ),
        },
    ),
    "steady": Kind(
        "The steady state was checked.",
        {
            "phase": Field(one_of("before", "after"), "Before or after the faults.", True),
            "ok": Field(BOOLEAN, "Whether the cluster is in its steady state.", True),
            "leader": Field(TEXT, "The leader."),
            "sync_standbys": Field(TEXTS, "The synchronous standbys."),
            "epoch": EPOCH,
            "detail": Field(TEXT, "What is wrong."),
            "unwatched": UNWATCHED,
            "cannot_lead": CANNOT_LEAD,
            "modes": MODES,
            "waited_ms": Field(LENGTH, "How long the runner waited for it."),
        },
    ),
    "roles": Kind(
        "Roles that can move between hosts, recorded after a `steady` that is ok.",
        {
            "phase": Field(one_of("before", "after"), "Before or after the faults.", True),
            "coordinator_leader": Field(TEXT, "The leader of the coordination service."),
            "address_holder": Field(
                TEXT, "The holder of the floating address; null unless exactly one proxy holds it."
            ),
            "address_holders": Field(TEXTS, "Every holder of the floating address."),
        },
    ),
    "observer": Kind(
        "An observer was started or stopped.",
        {
            "phase": Field(one_of("start", "stop"), "Which.", True),
            "name": Field(TEXT, "The observer: one of the sources below.", True),
            "interval_ms": Field(LENGTH, "The longest time between two of its samples."),
        },
    ),
    "host_clock": Kind(
        "The clock of a host that is not local was compared, before and after the run.",
        {
            "host": HOST,
            "offset_ms": Field(NUMBER, "The host's clock minus the clock of the run.", True),
            "error_ms": Field(LENGTH, "The uncertainty of the offset.", True),
        },
    ),
    "step": Kind("A step began.", {"text": Field(TEXT, "The step, in words.")}),
    "settings": Kind(
        "Settings of the cluster were changed for the run, or restored.",
        {
            "phase": Field(TEXT, "`set`, `restored`, or `not_restored`: the cluster is left changed."),
            "before": Field(OBJECT, "The settings before."),
            "after": Field(OBJECT, "The settings after."),
            "detail": Field(TEXT, "What was done."),
        },
    ),
    "level": Kind(
        "A period that is one point of a curve; it ended at `t`.",
        {"name": Field(TEXT, "The level's name.", True), "start": START},
    ),
    "caught_up": Kind(
        "A node caught up with the leader, or did not do so in time.",
        {
            "host": HOST,
            "ok": Field(BOOLEAN, "Whether it caught up.", True),
            "by": Field(TEXT, "How, such as `its WAL alone` or `a new base copy`."),
        },
    ),
    "fault": Kind(
        "A fault, or a planned switchover, entered a phase. The `t` of `inject` is just before the injecting command.",
        {
            "phase": Field(
                one_of(*get_args(FaultPhase)),
                "The phase. Right before healing the effect is proven again: `still_effective`, `lapsed` (at `t` or "
                "before), or `unobserved`. None of these for a momentary effect, such as that of `kill`.",
                True,
            ),
            "id": Field(ID, "The fault's id.", True),
            "fault": Field(TEXT, "The fault's name.", True),
            "target": Field(TEXT, "The target as requested, such as `leader`."),
            "args": Field(OBJECT, "The fault's options."),
            "detail": Field(TEXT, "The exact commands, or the evidence."),
        },
    ),
    "note": Kind("A remark for readers of the report.", {"text": Field(TEXT, "The note.")}),
    "broken_off": Kind(
        "A part of the run raised an error. The run still heals, observes the steady state, and is judged.",
        {
            "part": Field(TEXT, "The part."),
            "error": ERROR,
            "traceback": Field(TEXT, "The traceback of an unexpected error."),
        },
    ),
    "end": Kind(
        "The last event of the run itself.",
        {
            "ok": Field(BOOLEAN, "False if the run was aborted.", True),
            "detail": Field(TEXT, "Why it was aborted."),
            "steps_done": Field(BOOLEAN, "False if some steps were not executed."),
        },
    ),
}
