"""What the report page promises whatever it shows: accessible, harmless, and readable without scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from chromium import Browser, Page
from shownreport import HOSTILE, SUSPECT, shown_report

from wke.tell.page.page import report_page

AXE = Path(__file__).parent / "axe" / "axe.min.js"
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
LOOKS = ("color-contrast", "target-size", "scrollable-region-focusable")  # what theme and width change
KEPT = {"verdict", "level", "telemetry", "key", "id", "better", "commands"}


def violations(page: Page, within: str, rules: Sequence[str]) -> list[str]:
    """Return what axe-core finds, with the first elements that it names."""
    if not page.js("typeof axe === 'object'"):
        page.js(AXE.read_text(encoding="utf-8") + ";0")
    options = json.dumps({"runOnly": rules, "resultTypes": ["violations"]})
    said = "all.violations.map(one => [one.id, one.impact, one.nodes.slice(0, 3).map(node => node.html)])"
    return [f"{name} ({impact}): {nodes}" for name, impact, nodes in page.js(f"axe.run({within}, {options}).then(all => {said})")]


@pytest.mark.parametrize(
    ("theme", "width", "rules"), [("light", 1280, TAGS), ("dark", 390, TAGS), ("dark", 1280, LOOKS), ("light", 390, LOOKS)]
)
def test_axe_finds_nothing(page: Page, theme: str, width: int, rules: Sequence[str]) -> None:
    """axe-core has no objection to the page with all folded parts open, and none to the drawer."""
    page.size(width)
    page.media(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
    page.js("document.querySelectorAll('main details').forEach(one => { one.open = true })")
    page.box("document.querySelector('#two')")
    page.until("document.querySelector('#cmptable table')")
    assert violations(page, "document", rules) == []
    page.js(f"location.hash = '#trial={shown_report().trials[SUSPECT].key}'")
    page.until("document.querySelectorAll('#tl .uplot').length === 3")
    page.js("document.querySelectorAll('.dbody details').forEach(one => { one.open = true })")
    assert violations(page, "'#drawer'", rules) == []


def hostile(value: Any, texts: "cycle[str]", name: str = "") -> Any:
    """Return values in which every text is hostile, except those that the page's own code chooses."""
    if is_dataclass(value) and not isinstance(value, type):
        return replace(
            value,
            **{field.name: hostile(getattr(value, field.name), texts, field.name) for field in fields(value) if field.name not in KEPT},
        )
    if isinstance(value, str):
        return next(texts) if value else value
    if isinstance(value, Mapping):
        return value
    if isinstance(value, Sequence):
        return tuple(hostile(one, texts, name) for one in value)
    return value


def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path) -> None:
    """Texts with markup, escapes, direction marks and without end are shown as such: nothing runs, nothing is loaded, the layout holds."""
    report = hostile(shown_report(), cycle(HOSTILE))
    names = {one.name: f"{at} {HOSTILE[at % len(HOSTILE)]}" for at, one in enumerate(shown_report().metrics)}
    report = replace(
        report,
        metrics=tuple(replace(one, name=names[old.name]) for one, old in zip(report.metrics, shown_report().metrics, strict=True)),
        points=tuple(replace(one, metrics={names[name]: centre for name, centre in one.metrics.items()}) for one in report.points),
        trials=tuple(
            replace(one, metrics={names[name]: value for name, value in one.metrics.items()}, key=f"{one.key}{HOSTILE[at % 6]}", id="x")
            for at, one in enumerate(report.trials)
        ),
    )
    path = tmp_path / "hostile.html"
    path.write_text(report_page(report))
    page = browser.page()
    page.size(390)
    page.open(path)
    page.until("document.documentElement.dataset.ready")
    page.js("document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.box("document.querySelector('#two')")
    page.until("document.querySelector('#cmptable table')")
    assert page.js("document.scrollingElement.scrollWidth - innerWidth") <= 0
    for at in (0, SUSPECT, len(report.trials) - 1):
        page.js(f"document.querySelectorAll('#attempts button.id')[{at}].click()")
        page.until("document.querySelector('#drawer').open && document.querySelector('.dbody').textContent")
        assert page.js("(one => one.scrollWidth - one.clientWidth)(document.querySelector('.dbody'))") <= 0
        page.js("document.querySelector('#dclose').click()")
        page.until("!document.querySelector('#drawer').open")
    assert page.js("typeof window.hacked") == "undefined"
    assert page.js("document.querySelectorAll('img, iframe, object, embed, a[href^=javascript], [onerror], [onload]').length") == 0
    signs = "[...document.querySelectorAll('body *:not(script)')].flatMap(one => [...one.childNodes]).filter(one => one.nodeType === 3)"
    assert not page.js(f"{signs}.some(one => /[\\u202e\\u001b\\u0000]/.test(one.data))")
    assert not page.complaints
    assert [url for url in page.requests if url != "about:blank"] == [path.as_uri()]
    page.close()


def test_figures_and_tables_need_no_scripts(browser: Browser, report_file: Path) -> None:
    """Without scripts every figure and table is there, and nothing is shown that would not work."""
    page = browser.page()
    page.call("Emulation.setScriptExecutionDisabled", value=True)
    page.open(report_file)
    visible = "[...document.querySelectorAll({!r})].filter(one => one.getClientRects().length).length"
    assert page.js(visible.format("figure svg.wide")) >= 5
    assert page.js(visible.format("noscript .notice")) == 1
    assert page.js(visible.format(".needs-js")) == 0
    assert page.js(visible.format("#results table")) >= 1
    page.close()
