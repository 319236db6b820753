"""The rule of the configuration: a system that ran with other files than were deployed is not the one that was asked for."""

from wke.describe.experiment.verdictfile import ConfigurationRule
from wke.judge.verdicts.ruling import Ruling
from wke.keep.output.configuration import ConfigurationCheck
from wke.keep.trials.judgements import Level


def judge_configuration(check: ConfigurationCheck | None, _: ConfigurationRule) -> Ruling:
    """Return whether all rendered files were still what was deployed after the measured step."""
    if check is None or not check.changed:
        return Ruling(Level.OK, {"checked": float(check.checked if check else 0)})
    first = check.changed[0]
    where = f"{first.path} on {first.machine}{f' ({first.why})' if first.why else ''}"
    return Ruling(Level.SUSPECT, {"checked": float(check.checked)}, where, len(check.changed) - 1)
