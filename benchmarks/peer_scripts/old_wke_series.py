"""old_wke_series.py cmdline ...: a benchmark script for wke 0.1. A trial runs a target on every machine and then prints "trial"."""

from functools import cache

from wke import Cluster, Configuration, MeasurementSession
from wke.benchmark import benchmark_main


@cache
def machines():
    return Cluster()


@cache
def session():
    """Return one session for all trials, because two that begin in the same second would share a folder."""
    return MeasurementSession(machines(), Configuration("nothing"), None, False)


def trial(params, _collect_statistics, result_printer, *, verbose=False):  # noqa: ARG001 - what benchmark_main calls
    if not session().run(machines(), "true-in-bash"):
        return False
    result_printer.print(session().uid, params, {"value": 1.0})
    print("trial", flush=True)
    return True


if __name__ == "__main__":
    benchmark_main({"x": {"default": 1, "about": "nothing"}}, trial, cooldown_time=0)
