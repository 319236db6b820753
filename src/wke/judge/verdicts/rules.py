"""All rules, and what they say of a trial.

A new rule is a file beside this one and a line in RULES, with its table in [verdicts] and its sentence in words.py.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from wke.describe.experiment.verdictfile import VerdictsSection
from wke.judge.verdicts.backlog import judge_backlog
from wke.judge.verdicts.clock import judge_clocks
from wke.judge.verdicts.configuration import judge_configuration
from wke.judge.verdicts.evidence import Evidence
from wke.judge.verdicts.foreign import judge_foreign
from wke.judge.verdicts.gaps import judge_gaps
from wke.judge.verdicts.generator import judge_generators
from wke.judge.verdicts.limit import judge_limit
from wke.judge.verdicts.little import judge_little
from wke.judge.verdicts.memory import judge_memory
from wke.judge.verdicts.omission import judge_omission
from wke.judge.verdicts.oversubscribed import judge_oversubscribed
from wke.judge.verdicts.processes import judge_processes
from wke.judge.verdicts.ruling import Missing, Ruling, unknown
from wke.judge.verdicts.start import judge_start
from wke.judge.verdicts.steady import judge_steady
from wke.judge.verdicts.throttling import judge_throttling
from wke.judge.verdicts.words import sentence
from wke.keep.trials.judgements import Judgement, Level

RULES: Mapping[str, Callable[[Evidence, Any], Ruling]] = {
    "backlog": lambda seen, rule: judge_backlog(seen.totals("due"), seen.totals("done"), rule),
    "little": lambda seen, rule: judge_little(seen.closed_loop(rule), rule),
    "omission": lambda seen, rule: judge_omission(seen.completions(), rule),
    "steady": lambda seen, rule: judge_steady(seen.per_window("done"), rule),
    "generator": lambda seen, rule: judge_generators(seen.generators(), rule),
    "start": lambda seen, rule: judge_start(seen.starts, seen.window_s or 0.0, rule),
    "clock": lambda seen, rule: judge_clocks(seen.clocks, rule),
    "foreign": lambda seen, rule: judge_foreign(seen.telemetry.owners, rule),
    "throttling": lambda seen, rule: judge_throttling(seen.telemetry.owners, rule),
    "oversubscribed": lambda seen, rule: judge_oversubscribed(seen.telemetry.hosts, rule),
    "memory": lambda seen, rule: judge_memory((*seen.telemetry.machines, *seen.telemetry.hosts), rule),
    "gaps": lambda seen, rule: judge_gaps(seen.telemetry.machines, rule),
    "processes": lambda seen, rule: judge_processes(seen.telemetry.tasks, rule),
    "configuration": lambda seen, rule: judge_configuration(seen.configuration, rule),
    "limit": lambda seen, rule: judge_limit(seen.telemetry.shares, rule),
}

FINDING = "limit"
"""The rule that judges nothing, and only finds something."""
OF_RENDERED = "configuration"
"""The rule that says nothing of trials that render no files."""
FAILED = "the rule failed, which is a defect of wke: "


def judge_trial(seen: Evidence, rules: VerdictsSection) -> tuple[Judgement, ...]:
    """Return what each rule says of a trial that ended well."""
    asked = (name for name in RULES if name != OF_RENDERED or seen.configuration is not None)
    return tuple(_judgement(name, seen, getattr(rules, name)) for name in asked)


def too_short(rules: VerdictsSection, window_s: float) -> dict[str, int]:
    """Return the rules that cannot judge a measurement of this length, each with how many windows of one second it needs."""
    needs = {name: getattr(getattr(rules, name), "windows", 0) for name in RULES if getattr(rules, name).off is None and name != FINDING}
    return {name: windows for name, windows in needs.items() if windows > int(window_s)}


def _judgement(name: str, seen: Evidence, rule: Any) -> Judgement:
    """Return what a rule says. One that fails costs its own judgement, and not the trial."""
    if rule.off is not None:
        return Judgement(name, Level.OFF, said=rule.off)
    try:
        return _applied(name, seen, rule)
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        return Judgement(name, Level.UNKNOWN, said=f"{FAILED}{error!r}")


def _applied(name: str, seen: Evidence, rule: Any) -> Judgement:
    windows = getattr(rule, "windows", 0)
    if seen.window_s is None:
        ruling = unknown(Missing.WINDOW)
    elif seen.windows < windows:
        ruling = unknown(Missing.WINDOWS, seen.windows, windows)
    else:
        ruling = RULES[name](seen, rule)
    numbers = {key: number for key, number in ruling.numbers.items() if math.isfinite(number)}
    return Judgement(name, ruling.level, ruling.where, sentence(name, ruling), numbers)
