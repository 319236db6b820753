"""Takes the pictures of a report page in docs/images: `python docs/screenshots.py REPORT.html [NAME]`. Needs Chromium and pdftoppm."""

import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from chromium import Page, chromium

IMAGES = Path(__file__).parent / "images"
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
        opened(page, report, "light")
        paper(page.paper(), IMAGES / f"{name}-print")


def paper(pdf: bytes, to: Path) -> None:
    """Write the first page of a PDF as a picture."""
    with tempfile.NamedTemporaryFile(suffix=".pdf") as file:
        file.write(pdf)
        file.flush()
        subprocess.run(["pdftoppm", "-png", "-r", "80", "-f", "1", "-singlefile", file.name, str(to)], check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), sys.argv[2] if len(sys.argv) > 2 else "report")
