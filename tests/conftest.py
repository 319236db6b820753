"""Rules for every test: what may be skipped, and that nothing is left behind."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

# No limits of time: a loaded machine must not fail a property.
settings.register_profile("wke", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wke")


def pytest_configure() -> None:
    """Hear SIGINT and SIGHUP even where they are ignored (in the background, after nohup): tests send them, and what they start inherits it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


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
