#!/usr/bin/env bash
# clush_true.sh COUNT CLUSH WIDTH SSH_CONFIG HOSTS: `true` on every host, COUNT times, a login each.
set -euo pipefail
for ((done = 0; done < $1; done++)); do
    "$2" -f "$3" -o "-F $4" -w "$5" true
    echo "$EPOCHREALTIME" >>"$BENCH_MARKS"
done
