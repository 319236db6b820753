"""Rulings in words: one sentence for each rule, and one for what a rule lacks. They are stored with the attempt, beside the numbers."""

from collections.abc import Callable, Mapping

from wke.describe.toml.wording import counted
from wke.judge.verdicts.backlog import SHORT
from wke.judge.verdicts.limit import Resource
from wke.judge.verdicts.ruling import Missing, Ruling
from wke.keep.trials.judgements import Level

Numbers = Mapping[str, float]

WORTH_TELLING = 0.01
"""The share of stolen time from which on it is told beside foreign load."""

LACKS: Mapping[Missing, str] = {
    Missing.WINDOW: "there is no measured step whose beginning and end are known",
    Missing.WINDOWS: "the measured window lasted less than {over:g} s, and the rule needs {needs:g} s",
    Missing.DUE: "no task wrote how many requests were due (wke: @SECONDS due=N done=N), as the load generator of an open loop can",
    Missing.DONE: "no task wrote how many requests were done (wke: @SECONDS done=N)",
    Missing.COMPLETIONS: "there are {have:.3g} completions per client, and the rule needs {needs:g}",
    Missing.CLIENTS: "[verdicts] does not say how many clients a closed loop has: little = {{ clients = ... }}",
    Missing.LATENCY: "the trial has no mean latency or no throughput that [verdicts] names",
    Missing.FINENESS: "tasks wrote done each {have:.2g} s, and it takes each {needs:.2g} s to see whether the loop stood still",
    Missing.GENERATOR: "no measured task is known to be a load generator, or nothing is known of it",
    Missing.STARTS: "it is not known when the measured tasks started",
    Missing.CLOCKS: "no clock was read",
    Missing.TELEMETRY: "there is no telemetry of it",
    Missing.EMULATION: "no machine is emulated",
}


def sentence(rule: str, ruling: Ruling) -> str:
    """Return what a rule found, or what it lacks."""
    if ruling.lack is not None:
        lack = LACKS[ruling.lack.what].format(have=ruling.lack.have, over=ruling.lack.have + 1, needs=ruling.lack.needs)
        return f"{lack}{f' ({ruling.where})' if ruling.where else ''}"
    if ruling.parts:
        return "; ".join(sentence(rule, part) for part in ruling.parts)
    how = {Level.OK: "", Level.FINDING: "full"}.get(ruling.level, "bad")
    others = f"; {ruling.others} more {'is' if ruling.others == 1 else 'are'} as {how}" if how and ruling.others else ""
    return f"{SENTENCES[rule](ruling.numbers, ruling.where)}{others}"


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.2g} %" if abs(share) < 0.1 else f"{100 * share:.0f} %"


def _backlog(seen: Numbers, _: str) -> str:
    done = f"; the system completed {percent(seen['completed'])} of what was offered" if seen["completed"] < SHORT else ""
    if not seen["grows"]:
        return f"the backlog did not grow{done}"
    sure = "grew" if seen["certain"] else "seems to have grown, but few requests arrived: it grew"
    return f"the backlog {sure} by {percent(seen['growth'])} of the arrivals, so latencies are those of a growing queue{done}"


def _little(seen: Numbers, _: str) -> str:
    return (
        f"throughput x latency comes to {seen['seen']:.4g} client{'' if seen['seen'] == 1 else 's'}, and there were {seen['clients']:.4g}"
    )


def _omission(seen: Numbers, _: str) -> str:
    if seen["missing"] <= seen["limit"]:
        return f"the closed loop completed nothing for {seen['gap']:.3g} s at most"
    were = " was" if round(seen["missing"]) == 1 else "s were"
    missing = f"about {seen['missing']:,.0f} request{were} not sent meanwhile, so high quantiles are too low"
    return f"the closed loop completed nothing for {seen['gap']:.3g} s, and {missing}"


def _steady(seen: Numbers, _: str) -> str:
    cut = f"; MSER-5 would leave out the first {seen['cut']:g} windows" if "cut" in seen else ""
    return f"completions per second show {'a' if abs(seen['s']) >= 29 else 'no'} trend (S = {seen['s']:g} of 45){cut}"


def _generator(seen: Numbers, where: str) -> str:
    parts = []
    if "busy" in seen:
        cores = "a core" if seen["cores"] == 1 else f"its {seen['cores']:.3g} cores"
        parts.append(f"used {percent(seen['busy'])} of {cores}")
    if "sent" in seen:
        parts.append(f"sent {percent(seen['sent'])} of the requests that were due")
    if "lag" in seen:
        parts.append(f"sent late by {percent(seen['lag'])} of the median latency (p99)")
    lacks = "" if "busy" in seen else "; without telemetry it is not known whether it was busy or waited for the system"
    return f"the generator on {where} {' and '.join(parts)}{lacks}"


def _start(seen: Numbers, _: str) -> str:
    low, high = (1000 * seen[end] for end in ("low", "high"))
    return f"clients started {low:.3g} to {high:.3g} ms apart, up to {percent(seen['high'] / seen['window'])} of the measured window"


def _clock(seen: Numbers, where: str) -> str:
    if "stepped" in seen:
        return f"the clock of {where} was set during the trial, so its times are not known"
    return f"the offset of the clock of {where} is known to within {1000 * seen['bound']:.3g} ms"


def _foreign(seen: Numbers, where: str) -> str:
    load = [f"other programs used {percent(seen['load'])} of the processors of {where}"] if "load" in seen else []
    told = not load or seen.get("steal", 0.0) >= WORTH_TELLING
    steal = [f"the hypervisor took {percent(seen['steal'])} of the processor time of {where}"] if told else []
    return " and ".join(load + steal)


def _throttling(seen: Numbers, where: str) -> str:
    return f"heat slowed the processors of {where} down {counted(round(seen['hot']), 'time')}"


def _oversubscribed(seen: Numbers, where: str) -> str:
    busy = f"of {where} that carries the machines {'was' if seen['cores'] == 1 else 'were'} busy for {percent(seen['busy'])} of the time"
    return f"the processor {busy}" if seen["cores"] == 1 else f"the {seen['cores']:g} processors {busy}"


def _memory(seen: Numbers, where: str) -> str:
    parts = [f"had {percent(seen['available'])} of its memory available"] if "available" in seen else []
    parts += [f"moved {seen['swapped'] / 1e6:.3g} MB to or from swap"] if "swapped" in seen else []
    parts += [f"waited for memory for {percent(seen['waiting'])} of the time"] if "waiting" in seen else []
    return f"{where} {', '.join(parts)}"


def _gaps(seen: Numbers, where: str) -> str:
    parts = [f"{where} was not sampled for {seen['gap']:.2g} s at most"] if "gap" in seen else []
    parts += (
        [f"{percent(seen['sampled'])} of {'its samples' if parts else f'the samples of {where}'} were taken"] if "sampled" in seen else []
    )
    return ", and ".join(parts)


def _processes(seen: Numbers, where: str) -> str:
    return f"{where} used no processor time for {seen['still']:g} s in a row, and {percent(seen['busy'])} of a core otherwise"


def _configuration(seen: Numbers, where: str) -> str:
    if where:
        return f"{where} was not what had been deployed when the measured step had ended"
    return f"{counted(round(seen['checked']), 'rendered file')} {'was' if seen['checked'] == 1 else 'were'} as deployed to the end"


def _limit(seen: Numbers, where: str) -> str:
    resource = next(name for name in seen if name in FULL)
    processors, threads = (f"one {noun}" if seen["size"] == 1 else f"{seen['size']:.3g} {noun}s" for noun in ("processor", "thread"))
    used = f"{where} {FULL[resource].format(share=percent(seen[resource]), processors=processors, threads=threads)}"
    ours = f", {percent(seen['ours'])} for the machines that it carries" if "ours" in seen else ""
    return f"nothing that is watched was used up, {used} at most; {UNWATCHED}" if "full" in seen else f"{used}{ours}"


FULL: Mapping[str, str] = {
    Resource.PROCESSORS: "used {share} of its {processors}",
    Resource.THREADS: "used {share} of the {processors} that its {threads} can use",
    Resource.ONE_THREAD: "used {share} of one processor, as a program does in which one thread is always busy",
    Resource.MEMORY: "used {share} of its memory",
    Resource.DISK: "was busy for {share} of the time",
    Resource.DISK_WAIT: "had programs that waited for a disk for {share} of the time",
    Resource.WRITING: "wrote {share} of the bytes per second that its disk limit allows",
}
UNWATCHED = "not watched are locks, the time that one write to disk takes, and how full networks are"


SENTENCES: Mapping[str, Callable[[Numbers, str], str]] = {
    "backlog": _backlog,
    "little": _little,
    "omission": _omission,
    "steady": _steady,
    "generator": _generator,
    "start": _start,
    "clock": _clock,
    "foreign": _foreign,
    "throttling": _throttling,
    "oversubscribed": _oversubscribed,
    "memory": _memory,
    "gaps": _gaps,
    "processes": _processes,
    "configuration": _configuration,
    "limit": _limit,
}
