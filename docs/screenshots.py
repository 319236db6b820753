"""Takes the pictures of a report page in docs/images: `python docs/screenshots.py REPORT.html [NAME]`. Needs Chromium."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from chromium import Page, chromium

IMAGES = Path(__file__).parent / "images"
PAPER = (794, 1123)  # A4 at 96 dots per inch
MARGINS = "document.body.style.margin = '16mm 15mm 18mm'"  # those of print.css, which a picture does not have
SUSPECT = "(document.querySelector('.evid [data-open]') || document.querySelector('[data-cell]')).click()"
FIGURES = "document.querySelector('#figures').scrollIntoView({behavior: 'instant'})"


def opened(page: Page, report: Path, theme: str) -> None:
    """Open the report in a theme."""
    page.media(prefers_color_scheme=theme, prefers_reduced_motion="reduce")
    page.open(report)
    page.until("document.documentElement.dataset.ready")


def main(report: Path, name: str) -> None:
    """Take the pictures: light, dark, drawer, phone and paper."""
    with chromium() as browser:
        page = browser.page(1280, 1000)
        for theme in ("light", "dark"):
            page.size(1280, 1000)
            opened(page, report, theme)
            page.picture(IMAGES / f"{name}-{theme}.png")
            page.js(FIGURES)
            page.picture(IMAGES / f"{name}-{theme}-figures.png")
            page.js(SUSPECT)
            page.until("document.querySelector('#drawer').open")
            page.until("!document.querySelector('#tl') || document.querySelector('#tl .uplot')")
            page.picture(IMAGES / f"{name}-{theme}-trial.png")
            page.size(390, 844)
            opened(page, report, theme)
            page.picture(IMAGES / f"{name}-{theme}-phone.png")
        page.size(*PAPER)
        opened(page, report, "light")
        page.media("print")
        page.js(MARGINS)
        page.picture(IMAGES / f"{name}-print.png")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "report")
