"""Every experiment of this package: one explicit table."""

from firedrill.experiments.drills import (
    alert_delivery,
    alert_storm,
    app_down,
    bad_network,
    clock_jump,
    consistency_levels,
    corrupt_sync_standby,
    durability,
    etcd_down,
    etcd_slow_disk,
    fence_agents,
    fence_false_alarms,
    fence_live_primary,
    fence_power,
    group_majority_lost,
    host_frozen_then_resumed,
    leader_down_again,
    leader_power_cut,
    leader_poweroff,
    leader_strained,
    long_absence,
    long_isolation,
    monitoring_down,
    mysqld_down,
    patroni_frozen,
    patroni_killed,
    postgres_killed,
    proxy_cut,
    proxy_down,
    quiet_hour,
    reference_run,
    rolling_reboot,
    short_freezes,
    split_brain,
    standby_power_cut,
    storage,
    switchover,
    vip_split,
)

EXPERIMENTS = {
    it.name: it
    for it in (
        leader_power_cut.EXPERIMENT,
        leader_poweroff.EXPERIMENT,
        standby_power_cut.EXPERIMENT,
        postgres_killed.EXPERIMENT,
        patroni_killed.EXPERIMENT,
        patroni_frozen.EXPERIMENT,
        corrupt_sync_standby.EXPERIMENT,
        *leader_down_again.EXPERIMENTS,
        host_frozen_then_resumed.EXPERIMENT,
        short_freezes.EXPERIMENT,
        switchover.EXPERIMENT,
        rolling_reboot.EXPERIMENT,
        *split_brain.EXPERIMENTS,
        *etcd_down.EXPERIMENTS,
        etcd_slow_disk.EXPERIMENT,
        *proxy_down.EXPERIMENTS,
        proxy_cut.EXPERIMENT,
        vip_split.EXPERIMENT,
        *app_down.EXPERIMENTS,
        *leader_strained.EXPERIMENTS,
        *storage.EXPERIMENTS,
        *bad_network.EXPERIMENTS,
        *long_isolation.EXPERIMENTS,
        *clock_jump.EXPERIMENTS,
        *mysqld_down.EXPERIMENTS,
        group_majority_lost.EXPERIMENT,
        *consistency_levels.EXPERIMENTS,
        *long_absence.EXPERIMENTS,
        reference_run.EXPERIMENT,
        *fence_agents.EXPERIMENTS,
        *fence_power.EXPERIMENTS,
        *fence_live_primary.EXPERIMENTS,
        *fence_false_alarms.EXPERIMENTS,
        alert_delivery.EXPERIMENT,
        alert_storm.EXPERIMENT,
        monitoring_down.EXPERIMENT,
        quiet_hour.EXPERIMENT,
        durability.ASYNCHRONOUS,
    )
}

# The same fault on two systems under two names, for the comparison of their suites.
COUNTERPARTS = {
    "postgres_killed": "mysqld_killed",
    "short_freezes": "mysqld_short_freezes",
    "long_isolation_slot": "long_absence_binlog",
    "long_isolation_copy": "long_absence_clone",
}

# Not part of a suite. The first two take away what protects acknowledged writes, and fall short on every cluster; the
# others take five to ten minutes.
BY_NAME_ONLY = (
    "leader_power_cut_async",
    "fence_without_refusal",
    "fence_false_alarms",
    "fence_false_alarms_slow",
    "alert_delivery",
    "quiet_hour",
)

# The most informative ones, for every change: about seven minutes.
QUICK = [
    "leader_power_cut",
    "standby_power_cut",
    "postgres_killed",
    "patroni_killed",
    "mysqld_killed",
    "switchover",
    "split_brain_leader_isolated",
    "etcd_two_down",
    "proxy_killed",
    "app_killed",
]
