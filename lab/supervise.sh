#!/bin/sh
# Run a guest, and run it again as long as it ends by a reboot.
# usage: supervise.sh CGROUP... -- COMMAND...
# Each run gets a fresh cgroup `guest` below every CGROUP: on v2 a used one, with controllers switched on
# below it, takes no process. We ourselves wait beside it in `watch`.
rebooted=133 # how systemd-nspawn --keep-unit, and lab/uml-guest, end when their guest rebooted
panicked=134 # how user-mode Linux ends when its kernel panicked
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
comes_back() {
    # A kernel that panics before it has got anywhere would only do so again.
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
    comes_back $? || break
done
