"""Rules for every test: what may be skipped, how long it may take, and that nothing is left behind."""

import gc
import os
import signal
import sys
import time
import uuid
import warnings
from collections.abc import Iterator
from itertools import chain, groupby, repeat
from pathlib import Path
from types import FrameType

import pytest
import pytest_timeout
from forks import FORKS
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from support import eventually, limit, marked

# No limits of time: a loaded machine must not fail a property. Each run draws other examples, so that few of them are enough.
settings.register_profile("wke", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wke")
# Hypothesis would read all of our sources for constants to try: five seconds in each process of a new clone.
providers._get_local_constants = lambda: providers._local_constants

LONG = ("test_pages.py", "test_slurm.py", "test_old_project.py", "test_api.py")
"""What the workers of `make test` begin with, in integration/."""
SESSION_VARIABLE = "PYTEST_OF_WKE"


def pytest_configure() -> None:
    """Hear SIGINT and SIGHUP even where they are ignored or blocked (in the background, after nohup): tests send them, and children inherit it.

    Output is as wide as it is.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGHUP})
    os.environ.pop("COLUMNS", None)  # pytest-xdist sets it, and commands would fit their tables into it
    os.environ["XDG_RUNTIME_DIR"] = "/nowhere"  # connections that this user keeps are no part of a test


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let every worker of pytest-xdist begin with a long file, go on with its share of the other folders, and end with unit tests.

    Workers begin with consecutive parts of the list, equal in number, which are filled up with unit tests here: these alone are split or
    stolen in the end. The tests of a file stay together for the sake of its fixtures.
    """
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    short = [item for item in items if item.path.parent.name == "unit"]
    short.sort(key=lambda item: "nodes" not in vars(item.module))  # one worker reads all sources for those that look at them (sources.py)
    others = [item for item in items if item.path.parent.name != "unit"]
    others.sort(key=lambda item: (*map(str.__ne__, LONG, repeat(item.path.name)), item.path))
    files = [list(tests) for _, tests in groupby(others, lambda item: item.path)]
    parts = [list(chain.from_iterable(files[worker::workers])) for worker in range(workers)]
    left = len(items)
    for worker, part in enumerate(parts):
        lacking = max(0, left // (workers - worker) - len(part))
        part.extend(short[:lacking])
        del short[:lacking]
        left -= len(part)
    items[:] = [*chain.from_iterable(parts), *short]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Let the garbage collector rest while thousands of tests are made, and leave them out of its sight: each look at them takes a quarter of a second."""
    gc.disable()
    made = yield
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)
    gc.enable()
    return made


@pytest.hookimpl
def pytest_timeout_set_timer(item: pytest.Item, settings: pytest_timeout.Settings) -> bool:
    """Let a test take `timeout` seconds on an idle machine, and as much longer as other work slows it down."""
    began = time.monotonic()

    def expire(_signal: int, _frame: FrameType | None) -> None:
        left_s = began + limit(settings.timeout) - time.monotonic()
        if left_s > 0:
            signal.setitimer(signal.ITIMER_REAL, left_s)
        else:
            pytest_timeout.timeout_sigalrm(item, settings)

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    item.cancel_timeout = cancel
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, settings.timeout)
    return True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Forget what a failed test left open: it would be found during the next test, which would fail, too."""
    failures = item.session.testsfailed
    handled = yield
    if item.session.testsfailed > failures:
        sys.last_type = sys.last_value = sys.last_traceback = sys.last_exc = None  # where pytest keeps all variables of the test
        told, sys.unraisablehook = sys.unraisablehook, lambda _: None
        with warnings.catch_warnings(action="ignore"):
            gc.collect()
        sys.unraisablehook = told
    return handled


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left() -> Iterator[None]:
    """Fail at the end of the session when a process that a test started still exists, and name the test.

    Processes are found by a variable that they inherit; pytest's own variable beside it names the test. Emulated machines, which inherit
    nothing, have a check of their own (the fixture `keepers`).
    """
    mark = f"{SESSION_VARIABLE}={uuid.uuid4().hex}"
    name, _, os.environ[SESSION_VARIABLE] = mark.partition("=")
    yield
    FORKS.end()
    del os.environ[name]
    try:
        eventually(lambda: not marked(mark))
    except AssertionError:
        left = marked(mark)
        pytest.fail("processes are left:\n" + "\n".join(map(described, left)))
    finally:
        for pid in marked(mark):
            os.kill(pid, signal.SIGKILL)


def described(pid: int) -> str:
    """Return which test started a process, and what it is."""
    folder = Path(f"/proc/{pid}")
    variables = dict(entry.partition("=")[::2] for entry in (folder / "environ").read_text(errors="replace").split("\0"))
    command = (folder / "cmdline").read_text(errors="replace").replace("\0", " ")
    return f"{variables.get('PYTEST_CURRENT_TEST', 'a fixture')}: process {pid}: {command[:200]}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Under CI a skip counts as a failure unless its reason begins with "kernel:", which says that this kernel lacks the feature."""
    report = yield
    if report.skipped and os.environ.get("WKE_CI") and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith("kernel:"):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped under CI: {reason}"
    return report
