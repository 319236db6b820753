"""`wke compare`: how stored values compare with others, point by point."""

from shlex import quote

import click

from wke.cli.options import as_json, folder
from wke.errors import InputError
from wke.judge.summary.regression import RegressionReport
from wke.series.comparison.comparands import compare_named
from wke.series.comparison.comparing import read_threshold
from wke.series.comparison.why import why_named
from wke.tell.exports.markdown import markdown
from wke.tell.report import report_json
from wke.tell.terminal.console import Printer
from wke.tell.terminal.summary import print_report
from wke.tell.terminal.why import print_why
from wke.tell.why import why_json

REGRESSION, UNDECIDED = 4, 1

STRICT = click.option("--strict", is_flag=True, help="Status 1 if a comparison is inconclusive.")
ALLOW_INCOMPLETE = click.option(
    "--allow-incomplete", is_flag=True, help="Status 0 although values are missing, or a regression is only suggested."
)


@click.command()
@click.argument("baseline")
@click.argument("candidate")
@click.option("--threshold", metavar="SHARE", help="Differences up to this share do not matter, as in 2%; by default the series' own.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print the report as `wke measure --ci` does, in Markdown.")
@STRICT
@ALLOW_INCOMPLETE
@click.option("--why", is_flag=True, help="Rank what differs: telemetry, metrics, versions, inputs and facts of machines.")
@folder
@as_json
def compare(
    baseline: str,
    candidate: str,
    *,
    threshold: str | None,
    as_markdown: bool,
    strict: bool,
    allow_incomplete: bool,
    why: bool,
    as_json: bool,
) -> int:
    """Compare stored values of CANDIDATE with those of BASELINE, metric by metric, at all points that both have.

    Each is a series, SERIES:PARAMETER=VALUE for some of its points, an experiment file, a results folder, or git:COMMIT for what
    `wke measure --ci` has measured of it. Points of one series were measured in the same rounds. Everything else was measured at another
    time; it suggests a regression and never confirms one.

    With --why each may also be a trial. The answer is then what differs between the two, the most telling first: what machines wait for
    and what they do, the metrics, versions, scripts, options, limits, and facts of the machines.

    The status is 4 for a confirmed regression, and 1 if values are missing or do not decide; with --why it is 0.
    """
    if why:
        if as_markdown or strict or allow_incomplete:
            raise InputError("--why has no verdict, so it excludes --markdown, --strict and --allow-incomplete")
        return _tell_why(baseline, candidate, read_threshold(threshold), as_json=as_json)
    if as_json and as_markdown:
        raise InputError("--json and --markdown exclude each other")
    report = compare_named(baseline, candidate, read_threshold(threshold))
    if as_json:
        Printer().document(report_json(report))
    elif as_markdown:
        Printer().data(markdown(report))
    else:
        print_report(report)
        if any(one.significant for one in report.comparisons):
            Printer().talk(f"what differs between them: wke compare {quote(baseline)} {quote(candidate)} --why")
    return exit_status(report, strict=strict, allow_incomplete=allow_incomplete)


def _tell_why(baseline: str, candidate: str, threshold: float | None, *, as_json: bool) -> int:
    report = why_named(baseline, candidate, threshold)
    if as_json:
        Printer().document(why_json(report))
    else:
        print_why(report)
    return 0


def exit_status(report: RegressionReport, *, strict: bool, allow_incomplete: bool) -> int:
    """Return the exit status of a comparison."""
    if report.confirmed:
        return REGRESSION
    unknown = (report.incomplete and not allow_incomplete) or (strict and report.inconclusive)
    return UNDECIDED if unknown else 0
