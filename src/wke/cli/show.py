"""`wke show`: prints everything stored about one trial."""

import click

from wke.cli.options import as_json, folder
from wke.judge.telemetry.windowusage import trial_usage
from wke.keep.store import Store
from wke.series.folders import RESULTS
from wke.series.telemetry import telemetry_of
from wke.series.trial import load_trial
from wke.tell.terminal.console import Printer
from wke.tell.terminal.trial import shown_json, trial_lines
from wke.tell.terminal.trialusage import trial_usage_json, trial_usage_lines


@click.command(epilog="`wke logs TRIAL` prints what its tasks wrote; `wke why TRIAL` explains why it runs again or does not.")
@click.argument("trial")
@click.option("--attempt", type=int, metavar="NUMBER", help="Show this attempt instead of the one that counts or else the last.")
@click.option("--full", is_flag=True, help="Print all that its tasks wrote, not only the last lines of each.")
@folder
@as_json
def show(trial: str, *, attempt: int | None, full: bool, as_json: bool) -> None:
    """Show everything stored about TRIAL on one screen.

    TRIAL is the start of its id, or SERIES:PARAMETER=VALUE if that means one trial. What is shown: its outcome and the reason, when and by
    which command it ran, all attempts, what was accepted, its metrics, how each task ended and the last lines that it wrote, how far apart
    its measured tasks started, what machines and tasks used meanwhile, its deployment, its machines and software, and where its files are.
    """
    out = Printer()
    with Store.open(RESULTS, readonly=True) as store:
        shown = load_trial(store, trial, attempt)
        if as_json:
            particulars = {each.attempt: store.details.of(each.id, each.attempt) for each in shown.attempts}
            out.document(shown_json(shown, particulars, trial_usage_json(trial_usage(telemetry_of(shown)))))
            return
    usage = trial_usage(telemetry_of(shown))
    for line in trial_lines(shown, RESULTS, usage=trial_usage_lines(usage) if usage else (), full=full):
        out.data(line)
    out.talk(f"next: wke logs {shown.at.id}; wke why {shown.at.id}")
