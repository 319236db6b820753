"""The report page: one HTML file that loads nothing, whose scripts and styles are named by their digests in its security policy."""

import base64
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from wke.tell.page.arrangement import arrange
from wke.tell.page.drawable import drawable
from wke.tell.page.figures import figures
from wke.tell.page.findings import title_block
from wke.tell.page.frame import symbols
from wke.tell.page.markup import Html, html, joined, plain
from wke.tell.page.results import results
from wke.tell.page.script import data_elements
from wke.tell.page.sections import comparisons, disclosure, failures, foot, setup
from wke.tell.page.values import Report

ASSETS = Path(__file__).parent / "assets"
STYLES = ("page", "findings", "figures", "tables", "drawer", "print")
SCRIPTS = ("dom", "figures", "tables", "columns", "drawer", "timeline", "rows", "gestures", "compare", "start")
EARLY = (
    'document.documentElement.classList.add("js");try{var t=localStorage.getItem("wke-report-theme");'
    'if(t==="dark"||t==="light")document.documentElement.setAttribute("data-theme",t)}catch(e){}'
)
NAMES = (
    ("findings", "Findings"),
    ("figures", "Figures"),
    ("results", "Results"),
    ("compare", "Compare"),
    ("failures", "Failures"),
    ("setup", "What was run"),
    ("disclosure", "Disclosure"),
)
THEMES = ("auto", "light", "dark")


def report_page(report: Report) -> str:
    """Return the page of a report as HTML. Texts of the report may contain anything: they are shown and never interpreted."""
    style = joined_files(f"{name}.css" for name in ("uplot", *STYLES))
    plot, script = joined_files(["uplot.js"]), f'"use strict";\n(() => {{\n{joined_files(f"{name}.js" for name in SCRIPTS)}}})();\n'
    report = drawable(report)
    layout = arrange(report)
    sections = {
        "findings": title_block(report),
        "figures": figures(report, layout),
        "results": results(report, layout),
        "compare": comparisons(report),
        "failures": failures(report),
        "setup": setup(report),
        "disclosure": disclosure(report),
    }
    names = [(name, title) for name, title in NAMES if sections[name] is not None]
    body = joined(
        html("a", "Skip to the findings", class_="skip", href="#findings"),
        symbols(),
        _bar(report, names),
        html("main", html("noscript", _no_script()), *sections.values()),
        foot(report),
        _drawer(),
    )
    return "".join(_document(report, style, [EARLY, plot, script], body, data_elements(report, layout)))


def _document(report: Report, style: str, scripts: list[str], body: Html, data: Iterable[Html]) -> Iterator[str]:
    early, *rest = scripts
    policy = (
        f"default-src 'none'; script-src {' '.join(map(digest, scripts))}; style-src {digest(style)}; "
        "base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'"
    )
    yield '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">\n'
    yield html("meta", http_equiv="Content-Security-Policy", content=policy) + "\n"
    yield html("meta", name_="viewport", content="width=device-width, initial-scale=1")
    yield html("meta", name_="referrer", content="no-referrer") + html("meta", name_="color-scheme", content="light dark") + "\n"
    yield html("title", plain(f"{report.title} (wke report)", 200)) + "\n"
    yield f"<script>{early}</script><style>{style}</style></head>\n<body>\n{body}\n"
    yield from data
    yield from (f"<script>{one}</script>\n" for one in rest)
    yield "</body></html>\n"


def joined_files(names: Iterable[str]) -> str:
    """Return the text of some of the page's files."""
    return "".join((ASSETS / name).read_text() for name in names)


def digest(text: str) -> str:
    """Return the digest of a script or style as a security policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _bar(report: Report, names: Iterable[tuple[str, str]]) -> Html:
    links = [html("li", html("a", title, href=f"#{name}")) for name, title in names]
    themes = [
        html("button", name.capitalize(), type="button", data_set_theme=name, aria_pressed="true" if name == "auto" else "false")
        for name in THEMES
    ]
    inside = [
        html("b", plain(report.title, 60)),
        html("nav", html("ul", *links), aria_label="Sections"),
        html("div", *themes, class_="seg needs-js", role="group", aria_label="Colour theme"),
    ]
    return html("header", html("div", *inside, class_="wrap"), class_="bar")


def _no_script() -> Html:
    words = "Scripts are turned off: figures and tables are complete, but trials, timelines and logs cannot be opened."
    return html("div", html("p", words, class_="notice"), class_="wrap")


def _drawer() -> Html:
    head = html(
        "div",
        html(
            "div",
            html("h2", id="dtitle", tabindex=-1),
            html("p", id="dsub", class_="sub"),
            html("div", id="dbadges", class_="badges"),
            class_="grow",
        ),
        html(
            "div",
            html(
                "button",
                "←",
                html("span", " Previous", class_="lg"),
                type="button",
                class_="btn",
                id="dprev",
                aria_label="Previous trial in order of execution",
            ),
            html(
                "button",
                html("span", "Next ", class_="lg"),
                "→",
                type="button",
                class_="btn",
                id="dnext",
                aria_label="Next trial in order of execution",
            ),
            html("button", "Close ✕", type="button", class_="btn", id="dclose", aria_label="Close"),
            class_="nav2",
        ),
        class_="dhead",
    )
    return joined(html("dialog", head, html("div", class_="dbody"), id="drawer", aria_labelledby="dtitle"))
