"""The head of the page: what was measured, the verdicts of all trials, and what was found."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence

from wke.describe.toml.wording import counted
from wke.tell.page.markup import Html, html, joined, number
from wke.tell.page.pieces import VERDICTS, WORDS, icon, open_button, trial_words
from wke.tell.page.scales import Scale
from wke.tell.page.values import Headline, Report, ShownTrial

LONGEST_TITLE = 90
MOST_CELLS = 48  # more cells are drawn in one line per round
MOST_EVIDENCE = 3


def title_block(report: Report) -> Html:
    """Return the head of the page."""
    long = len(report.description) > LONGEST_TITLE
    return html(
        "section",
        html(
            "div",
            html("p", report.measured, class_="eyebrow"),
            html("h1", report.title if long or not report.description else report.description, id="h1"),
            html("p", report.description, class_="lead under") if long else None,
            _verdicts(report),
            _headlines(report),
            class_="wrap",
        ),
        class_="title",
        id="findings",
        aria_labelledby="h1",
    )


def _verdicts(report: Report) -> Html | None:
    if not report.trials:
        return None
    counts = Counter(trial.verdict for trial in report.trials)
    listed = [html("li", html("b", f"{len(report.trials):,}"), " attempts:" if _has_repeats(report) else " trials:")]
    listed += [
        html("li", icon(verdict), html("b", str(counts[verdict])), f" {WORDS[verdict]}", class_=f"k-{verdict}")
        for verdict in VERDICTS
        if counts[verdict]
    ]
    left = html("div", html("ul", *listed, class_="counts"), _strip(report))
    return html("div", left, html("div", *_evidence(report)), class_="verdicts", role="group", aria_label="Verdicts")


def _has_repeats(report: Report) -> bool:
    return len({(trial.series, trial.id) for trial in report.trials}) < len(report.trials)


def _strip(report: Report) -> Html:
    """Return a cell per trial in the order of execution; many trials have a line per round."""
    order = sorted(range(len(report.trials)), key=lambda at: (report.trials[at].series, report.trials[at].place or math.inf, at))
    trials = [report.trials[at] for at in order]
    note = html("p", "One cell per attempt, in order of execution. Tall cells have findings.", class_="small")
    if len(trials) <= MOST_CELLS and len(report.series) == 1:
        return joined(_cells(report, trials, "Attempts in order of execution"), note)
    rows = dict[str, list[ShownTrial]]()
    for trial in trials:
        number = "other" if trial.round is None else str(trial.round)
        name = f"Round {number}" if trial.round is not None else "Other"
        rows.setdefault(f"{report.series[trial.series]}, {number}" if len(report.series) > 1 else name, []).append(trial)
    lines = [html("div", html("span", name), _cells(report, row, name), class_="strip-row") for name, row in rows.items()]
    return joined(html("div", *lines, class_="strip"), note)


def _cells(report: Report, trials: Sequence[ShownTrial], label: str) -> Html:
    cells = []
    for trial in trials:
        words = f"{trial.key}: {trial_words(report, trial)}: {WORDS.get(trial.verdict, trial.verdict)}"
        cells.append(
            html(
                "li",
                html("button", type="button", data_open=trial.key, data_cell=True, tabindex=-1, aria_label=words),
                class_=trial.verdict,
            )
        )
    return html("ol", *cells, class_="cells", aria_label=label)


def _evidence(report: Report) -> Iterator[Html]:
    """Yield the evidence of trials with findings, the worst first, and what to doubt."""
    found = [trial for verdict in ("invalid", "suspect", "failed") for trial in report.trials if trial.verdict == verdict]
    yield from map(_reason, found[:MOST_EVIDENCE])
    if len(found) > MOST_EVIDENCE:
        more = f"{counted(len(found) - MOST_EVIDENCE, 'attempt')} more with findings"
        yield html("p", html("a", more, href="#attempts"), class_="small")
    yield from (html("p", doubt, class_="evid") for doubt in report.doubts)
    if not found and not report.doubts:
        every = all(trial.verdict == "ok" and trial.counts for trial in report.trials)
        yield html("p", "Every attempt counts, and no rule found a fault." if every else "No rule found a fault.", class_="evid good")


def _reason(trial: ShownTrial) -> Html:
    """Return why a trial has a finding, and whether it counts."""
    reason = next((one.sentence for one in trial.judgements if one.level in ("invalid", "suspect")), trial.outcome)
    does = "It counts and is marked." if trial.counts else "It does not count."
    strong = html("strong", open_button(trial), " failed:" if trial.verdict == "failed" else f" is {WORDS[trial.verdict]}:")
    return html("p", strong, f" {reason.rstrip('.')}. {does}", class_="evid" if trial.verdict == "suspect" else "evid bad")


def _headlines(report: Report) -> Html | None:
    if not report.headlines:
        return None
    ratios = [bound for one in report.headlines if one.ratio for bound in one.ratio if bound > 0 and math.isfinite(bound)]
    scale = _ratio_scale(ratios) if ratios else None
    items = [_headline(one, scale) for one in report.headlines]
    heading = html("h2", "What was found", id="h-found", class_="sr")
    return html("div", heading, html("ol", *items, class_=f"heads n{min(3, len(items))}"), class_="found")


def _ratio_scale(values: Sequence[float]) -> Scale:
    """Return the common logarithmic axis of ratios, around 1."""
    low, high = min(*values, 0.8), max(*values, 1.25)
    return Scale(low / 1.15, high * 1.15, 7, 313, logarithmic=True)


def _headline(one: Headline, scale: Scale | None) -> Html:
    big = html("p", html("b", one.figure), html("em", one.interval) if one.interval else None, class_="big")
    chart = _interval(one, scale) if one.ratio and scale else None
    return html("li", big, html("p", one.sentence, class_="say"), chart, html("p", one.detail, class_="ci"))


def _interval(one: Headline, scale: Scale) -> Html | None:
    centre, low, high = one.ratio or (0, 0, 0)
    if not 0 < low <= centre <= high < math.inf:
        return None
    ticks = [tick for tick in (1 / 64, 1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16, 64) if scale.low <= tick <= scale.high]
    if len(ticks) < 3:
        ticks = [tick for tick in (0.5, 0.8, 0.9, 1, 1.1, 1.25, 2) if scale.low <= tick <= scale.high]
    lines = [
        joined(
            html("line", class_="ref" if tick == 1 else "grid", x1=scale(tick), x2=scale(tick), y1=2, y2=16),
            html(
                "text",
                f"{number(tick, 3).rstrip('0').rstrip('.') if tick < 1 else f'{tick:g}'}×",
                x=scale(tick),
                y=29,
                text_anchor="middle",
            ),
        )
        for tick in ticks
    ]
    bar = html("path", class_="reach", d=f"M{scale(low):.1f} 9H{scale(high):.1f}")
    dot = html("circle", class_="at", cx=scale(centre), cy=9, r=5)
    return html("svg", *lines, bar, dot, class_="chart", viewBox="0 0 320 32", role="img", aria_label=f"{one.figure}, {one.interval}")
