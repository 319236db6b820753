"""`wke measure --submit`: hands the command to Slurm, which runs it on nodes of its own when it has some."""

import sys
import time

from wke.act.providers.provide import provider_of
from wke.act.providers.slurm import SlurmProvider
from wke.act.slurm.asking import job_name
from wke.act.slurm.submitting import submit
from wke.describe.toml.wording import counted
from wke.errors import InputError, Location
from wke.keep.files.submitted import Submitted, write_submitted
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.planned import PlannedSeries, record
from wke.tell.terminal.console import Printer

SUBMIT = "--submit"
OUTPUT = "slurm-%j.out"


def submit_series(series: PlannedSeries, command: str) -> None:
    """Submit this command without --submit, on one node more than the cluster has machines: wke's own work must not disturb them."""
    cluster, experiment = series.project.whole, series.plan.experiment
    if not isinstance(provider_of(cluster), SlurmProvider):
        where = Location(str(cluster.path), key="cluster.provider")
        raise InputError(f"{SUBMIT} needs nodes of Slurm", where=where, hint='write provider = "slurm" in [cluster]')
    with Store.open(RESULTS, command=command, series=experiment.name) as store:
        record(series, store)
    words = [sys.executable, "-m", "wke.cli", *(word for word in sys.argv[1:] if word != SUBMIT)]
    names = [machine.name for machine in cluster.machines]
    output = RESULTS.resolve() / OUTPUT
    number = submit(words, name=job_name(cluster.path), request=cluster.slurm.request(names, others=1), output=output)
    said = str(output).replace("%j", number)
    write_submitted(RESULTS, experiment.name, Submitted(number, said, time.time_ns()))
    out = Printer()
    out.data(number)
    out.talk(f"submitted as job {number}: {counted(len(names), 'machine')}, and one node for wke itself")
    out.talk(f"  wke status {experiment.name} --follow   shows how far it is; it writes to {said}")
    out.talk(f"  scancel {number}   cancels it; what was measured stays, and the same command continues")
