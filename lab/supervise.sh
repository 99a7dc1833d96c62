#!/bin/sh
# Run a guest, and run it again each time it ends with a reboot.
# usage: supervise.sh CGROUP... -- COMMAND...
# Each run gets a new cgroup `guest` below every CGROUP: on v2, a used one with controllers enabled below it accepts
# no process. This script waits in the cgroup `watch` next to it.
rebooted=133 # exit code of systemd-nspawn --keep-unit and lab/uml-guest after a reboot of the guest
panicked=134 # exit code of user-mode Linux after a kernel panic
groups=
while [ "$1" != -- ]; do
    groups="$groups $1"
    shift
done
shift
for group in $groups; do
    mkdir -p "$group/watch"
    echo 0 >"$group/watch/cgroup.procs"
done
export groups
ulimit -c 0
restarts() {
    # A kernel that panics right after its start would panic again.
    [ "$1" -eq $rebooted ] || { [ "$1" -eq $panicked ] && [ $(($(date +%s) - began)) -ge 10 ]; }
}
while :; do
    began=$(date +%s)
    sh -c '
        for group in $groups; do
            [ ! -d "$group/guest" ] || find "$group/guest" -depth -type d -exec rmdir {} + 2>/dev/null
            mkdir -p "$group/guest"
            echo 0 >"$group/guest/cgroup.procs"
        done
        exec "$@"
    ' guest "$@"
    restarts $? || break
done
