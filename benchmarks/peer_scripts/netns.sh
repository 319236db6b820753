#!/usr/bin/env bash
# Machines by hand: network namespaces on a bridge, an address each, as many a tutorial does it.
#   netns.sh up|true|down COUNT PREFIX-FILE plain|batch
# plain: one ip process a step; batch: the steps piped to as few ip processes as there are namespaces to configure. Names begin with what
# PREFIX-FILE holds: the kernel frees the names of interfaces some time after their namespace, so each `up` needs names of its own.
set -euo pipefail
verb=$1 count=$2 prefix=$(<"$3") way=$4

apply() {
    # shellcheck disable=SC2086 # a line is several words
    if [ "$way" = batch ]; then ip "$@" -batch -; else while read -r line; do ip "$@" $line; done; fi
}

case $verb in
    up)
        {
            echo "link add $prefix type bridge"
            echo "link set $prefix up"
            for ((i = 1; i <= count; i++)); do
                echo "netns add $prefix.$i"
                echo "link add $prefix.$i type veth peer name eth0 netns $prefix.$i"
                echo "link set $prefix.$i master $prefix up"
            done
        } | apply
        for ((i = 1; i <= count; i++)); do
            { echo "link set lo up"; echo "link set eth0 up"; echo "address add 10.0.$((i / 250)).$((i % 250 + 1))/16 dev eth0"; } | apply -n "$prefix.$i"
        done
        ;;
    true) seq "$count" | xargs -P 8 -I{} ip netns exec "$prefix.{}" true ;;
    down) { for ((i = 1; i <= count; i++)); do echo "netns delete $prefix.$i"; done; echo "link delete $prefix"; } | apply ;;
    *) echo "netns.sh: up, true or down, not $verb" >&2; exit 2 ;;
esac
