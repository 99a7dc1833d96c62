#!/bin/sh
# Run a guest, and run it again as long as it ends with the exit code that means "rebooted".
# usage: supervise.sh CODE CGROUP... -- COMMAND...
# Each run gets a fresh cgroup `guest` below every CGROUP: on v2 a used one, with controllers switched on
# below it, takes no process. We ourselves wait beside it in `watch`.
code=$1
shift
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
while sh -c '
    for group in $groups; do
        [ ! -d "$group/guest" ] || find "$group/guest" -depth -type d -exec rmdir {} + 2>/dev/null
        mkdir -p "$group/guest"
        echo 0 >"$group/guest/cgroup.procs"
    done
    exec "$@"
' guest "$@"; [ $? -eq "$code" ]; do :; done
