"""Which browser the tests of the page use, and what they say where none works."""

from pathlib import Path

import pytest
from chromium import NAMED, found_browser

WORKS = "echo Chromium 130.0.6723.58"
SNAP = "echo Chromium 130.0.6723.58 snap"
STUB = "echo >&2; echo \"Command '$0' requires the chromium snap to be installed.\" >&2; exit 1"


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Return the folder of programs of a machine without any."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin"


def put(program: Path, does: str) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(f"#!/bin/sh\n{does}\n")
    program.chmod(0o755)


def test_a_stub_and_a_snap_are_passed_over(programs: Path) -> None:
    """Ubuntu's stub and its snap are no browsers for tests; Chrome beside them is, and so is one that Playwright installed."""
    here = {"PATH": str(programs), "HOME": str(programs.parent)}
    put(programs / "chromium", SNAP)
    put(programs / "chromium-browser", STUB)
    path, why = found_browser(here)
    assert path is None
    assert f"{programs}/chromium is a snap: it has a /tmp of its own" in why
    assert f"{programs}/chromium-browser does not run: status 1, Command '{programs}/chromium-browser' requires the chromium snap" in why
    cached = programs.parent / ".cache/ms-playwright/chromium-1140/chrome-linux/chrome"
    put(cached, WORKS)
    assert found_browser(here) == (str(cached), "")
    put(programs / "google-chrome", WORKS)
    assert found_browser(here) == (str(programs / "google-chrome"), "")


def test_what_is_missing_is_said(programs: Path) -> None:
    """Without any browser the reason names what was looked for and what to do; one that is named is the only one that is tried."""
    here = {"PATH": str(programs), "HOME": str(programs.parent)}
    path, why = found_browser(here)
    assert path is None
    assert "none of chromium, google-chrome," in why
    assert "scripts/setup system test" in why
    put(programs / "chromium", WORKS)
    path, why = found_browser({**here, NAMED: str(programs / "mine")})
    assert path is None
    assert f"{programs}/mine does not run" in why
