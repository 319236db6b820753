#!/usr/bin/env bash
# ssh_true.sh COUNT HOSTS_FILE WIDTH SSH_OPTION...: `true`, or what $COMMAND says, on every host of the file, WIDTH at a time, COUNT times,
# an ssh process each.
set -euo pipefail
count=$1 hosts=$2 width=$3
shift 3
for ((done = 0; done < count; done++)); do
    xargs -a "$hosts" -P "$width" -I{} ssh "$@" {} "${COMMAND:-true}"
    echo "$EPOCHREALTIME" >>"$BENCH_MARKS"
done
