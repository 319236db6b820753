#!/usr/bin/env bash
# srun_true.sh COUNT JOB NODES: `true` on every node of a job, COUNT times, a job step each.
set -euo pipefail
for ((done = 0; done < $1; done++)); do
    srun --quiet --jobid="$2" --overlap --nodes="$3" --ntasks="$3" --ntasks-per-node=1 true
    echo "$EPOCHREALTIME" >>"$BENCH_MARKS"
done
