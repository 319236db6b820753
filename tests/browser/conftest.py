"""One browser for all tests of a worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import Browser, Page, browser_here, chromium
from shownreport import shown_report

from wke.tell.page.page import report_page


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Yield the browser, or skip with the reason where there is none: under CI that is a failure."""
    path, why = browser_here()
    if path is None:
        pytest.skip(why)
    with chromium() as found:
        yield found


@pytest.fixture(scope="session")
def report_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a made-up report."""
    path = tmp_path_factory.mktemp("report") / "scale.html"
    path.write_text(report_page(shown_report()))
    return path


@pytest.fixture
def page(browser: Browser, report_file: Path) -> Iterator[Page]:
    """Yield the report, opened. Afterwards it must have said nothing on the console and asked for nothing but itself."""
    found = browser.page()
    found.open(report_file)
    found.until("document.documentElement.dataset.ready")
    yield found
    complaints, requests = found.complaints, found.requests
    found.close()
    assert not complaints
    assert [url for url in requests if url != "about:blank"] == [report_file.as_uri()]
