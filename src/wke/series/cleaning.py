"""What a series holds on the disk, and which of it can be removed without a loss: everything but what counts."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import field

from wke.keep.profiles import ProfileFolder
from wke.keep.store import Store
from wke.keep.trials.cleaning import HeldFile, Ran
from wke.keep.trials.trials import RUNNING, StoredAttempt, counting_attempts
from wke.values import dataclass

SUPERSEDED, PROFILES = "superseded", "profiles"
Going = Mapping[Ran, tuple[HeldFile, ...]]
"""Files that can go, by attempt."""
WITH_LOGS = ("logs", "collected")
"""What `--logs` means: the output of tasks, and the files that were collected from them."""


@dataclass(frozen=True, slots=True)
class HeldAttempt:
    """The files of an attempt. It `counts` if a result of any series is read from it, or depends on what it deployed.

    It is `superseded` if another attempt at its trial is the one that counts or, where none does, the one that is shown.
    """

    ran: Ran
    counts: bool
    superseded: bool
    files: tuple[HeldFile, ...]


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the attempts of a series hold, and its `profiles`, {number: bytes}."""

    attempts: tuple[HeldAttempt, ...]
    profiles: Mapping[int, int] = field(default_factory=dict)

    def chosen(self, kinds: Collection[str], *, force: bool) -> Going:
        """Return the files of these kinds (of KINDS, or SUPERSEDED) that can go; with `force`, also those of attempts that count."""
        found = {}
        for attempt in self.attempts:
            whole = SUPERSEDED in kinds and attempt.superseded
            if files := tuple(file for file in attempt.files if whole or (file.kind in kinds and (force or not attempt.counts))):
                found[attempt.ran] = files
        return found

    def files(self, kind: str, *, counting: bool = False) -> tuple[HeldFile, ...]:
        """Return all files of a kind (of KINDS, or SUPERSEDED), or only those of attempts that count."""
        if kind == SUPERSEDED:
            return tuple(file for attempt in self.attempts if attempt.superseded for file in attempt.files)
        return tuple(file for one in self.attempts if one.counts or not counting for file in one.files if file.kind == kind)

    @property
    def superseded(self) -> int:
        """The number of superseded attempts that hold files."""
        return sum(attempt.superseded and bool(attempt.files) for attempt in self.attempts)


def load_holdings(store: Store, name: str) -> Holdings:
    """Return what the attempts hold that commands of a series ran, and its profiles; those that run, or were left running, are left out.

    A series of which there are only profiles need not be known.
    """
    profiles = ProfileFolder(store.folder).of_series(name)
    if profiles and name not in store.plans.names():
        return Holdings((), profiles)
    mine = _own(store, name)
    of_trials = store.attempts.of_trials({one.id for one in mine}, store.examinations.latest())
    chosen = tuple(_chosen(of_trials))
    shown, settled = {one.ran for one in chosen}, {one.id for one in chosen if one.ok}
    counting = _counting(store) | {one.ran for one in chosen if one.ok}
    counting |= store.cleaning.makers(counting)
    held = store.cleaning.held([one.ran for one in mine])
    return Holdings(
        tuple(
            HeldAttempt(
                ran=one.ran,
                counts=one.ran in counting,
                superseded=one.ran not in counting | shown and (not one.ok or one.id in settled),
                files=held.get(one.ran, ()),
            )
            for one in sorted(mine, key=lambda one: one.ran)
        ),
        profiles,
    )


def clean(store: Store, holdings: Holdings, kinds: Collection[str], who: str, *, force: bool) -> Going:
    """Remove what can go, and what an earlier cleaning that was killed did not come to; return the files of the former.

    With PROFILES among the `kinds`, all profiles go, too.
    """
    if PROFILES in kinds:
        ProfileFolder(store.folder).remove(holdings.profiles)
    going = holdings.chosen(kinds, force=force)
    store.cleaning.finish(attempt.ran for attempt in holdings.attempts)
    store.cleaning.remove(going, who)
    return going


def _own(store: Store, name: str) -> list[StoredAttempt]:
    """Return the attempts that commands of a series ran and that are over; InputError for an unknown series."""
    store.plans.latest(name)
    left = {one.attempt.trial for one in store.attempts.detached()}
    return [one for one in store.attempts.of_series(name) if one.derivation is None and one.outcome != RUNNING and one.id not in left]


def _counting(store: Store) -> set[Ran]:
    """Return the attempts that results of any series are read from."""
    return {one.ran for name in store.plans.names() for one in store.attempts.one_per_trial(name, refuse=False) if one.ok}


def _chosen(attempts: Iterable[StoredAttempt]) -> Iterator[StoredAttempt]:
    """Yield for each trial the attempt that counts, else the one that is shown; attempts on the machines as they are now come first."""
    of_trial: dict[str, list[StoredAttempt]] = {}
    for one in attempts:
        of_trial.setdefault(one.id, []).append(one)
    for found in of_trial.values():
        yield from counting_attempts([one for one in found if not one.changes] or found)
