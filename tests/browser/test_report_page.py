"""The report page in a real browser: every interaction, by mouse, keyboard and touch."""

from dataclasses import replace
from pathlib import Path

from chromium import Browser, Page
from shownreport import SERVERS, SUSPECT, shown_beside, shown_report, telemetry_of

from wke.tell.page.page import report_page

REPORT = shown_report()
TRIAL = REPORT.trials[SUSPECT]
FIGURE = "document.querySelectorAll('.plot')[0]"
MARK = f"[...{FIGURE}.querySelectorAll('svg.wide use[data-t=\"{SUSPECT}\"]')][0]"
OPEN = "document.querySelector('#drawer').open"
TITLE = "document.querySelector('#dtitle').textContent"
PLOTTED = "document.querySelectorAll('#tl .uplot canvas').length"
OVER = "document.querySelectorAll('#tl .u-over')[{}]"
STEPS = "document.querySelector('#tl svg.steps').textContent"
READS = "document.querySelector('#tlat').textContent"
FOCUSED = "document.activeElement"


def middle(page: Page, query: str, across: float = 0.5) -> tuple[float, float]:
    box = page.box(query)
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2


def opened(page: Page, key: str = TRIAL.key, rows: int = 3) -> None:
    page.js(f"location.hash = '#trial={key}'")
    page.until(f"{OPEN} && {PLOTTED} === {rows}")


def measured_bar(page: Page) -> tuple[float, float]:
    """Return where the bar of the measured step starts and how wide it is, in pixels: the zoom of the timeline."""
    return tuple(page.js("['x', 'width'].map(name => +document.querySelector('#tl .step.measured').getAttribute(name))"))


def test_a_mark_shows_its_trial_and_a_click_leads_to_its_log_lines(page: Page) -> None:
    """Pointing at a mark shows value and id in every figure; a click opens the trial with its evidence and last lines; Escape goes back."""
    place = middle(page, MARK)
    page.mouse("mouseMoved", *place)
    page.until("!document.querySelector('.tip').hidden")
    tip = page.js("document.querySelector('.tip').textContent")
    assert TRIAL.key in tip
    assert "suspect" in tip
    assert page.js("document.querySelectorAll('use.on').length") >= 6  # two sizes of each figure
    page.click(MARK)
    page.until(OPEN)
    assert page.js(TITLE) == TRIAL.key
    text = page.js("document.querySelector('.dbody').textContent")
    assert "other processes used 1.3 of 2 processors" in text
    assert f"line 11 of {TRIAL.key}" in text
    assert page.js("location.hash") == f"#trial={TRIAL.key}"
    page.key("Escape")
    page.until(f"!{OPEN}")
    assert page.js("location.hash") == ""


def test_a_figure_works_by_keyboard(page: Page) -> None:
    """A figure is one tab stop; arrow keys move between trials and say what they are; Enter opens one, and focus comes back."""
    page.js(f"{FIGURE}.focus()")
    page.key("ArrowRight")
    first = page.until(f"{FIGURE}.nextElementSibling.textContent")
    page.key("ArrowRight")
    page.until(f"{FIGURE}.nextElementSibling.textContent !== {first!r}")
    page.key("Enter")
    page.until(OPEN)
    page.key("Escape")
    page.until(f"!{OPEN} && {FOCUSED} === {FIGURE}")


def test_previous_and_next_walk_in_order_of_execution(page: Page) -> None:
    """The drawer's buttons go to the trial that ran before or after."""
    opened(page)
    page.click("document.querySelector('#dnext')")
    page.until(f"{TITLE} === '{REPORT.trials[SUSPECT + 1].key}'")
    page.click("document.querySelector('#dprev')")
    page.click("document.querySelector('#dprev')")
    page.until(f"{TITLE} === '{REPORT.trials[SUSPECT - 1].key}'")


def test_keys_hide_lines_and_places_are_chosen(page: Page) -> None:
    """A key hides its line with its trials in all figures; a button shows the percentiles at another place of the axis."""
    shown = f"{FIGURE}.querySelectorAll('svg.wide [data-line=\"1\"]:not(.off)').length"
    assert page.js(shown)
    page.click("document.querySelector('[data-toggle=\"1\"]')")
    assert page.js(shown) == 0
    page.click("document.querySelector('[data-toggle=\"1\"]')")
    assert page.js(shown)
    visible = "[...document.querySelectorAll('.place:not([hidden])')].map(one => one.dataset.place).join()"
    assert page.js(visible) == "3,3"
    page.click("document.querySelector('[data-pick=\"0\"]')")
    assert page.js(visible) == "0,0"


def test_a_place_is_chosen_where_it_was_recorded(browser: Browser, tmp_path: Path) -> None:
    """A place is shown in all figures that have it, under its own name; figures without it stay as they are."""
    at = [point.values[1] for point in REPORT.points]
    first, last = at[0], at[-1]
    early = [one for one in REPORT.distributions if at[one.point] != last]
    late = [replace(one, metric="p50") for one in REPORT.distributions if at[one.point] != first]
    path = tmp_path / "places.html"
    path.write_text(report_page(replace(REPORT, distributions=(*early, *late))))
    page = browser.page()
    page.open(path)
    page.until("document.documentElement.dataset.ready")
    chosen = "[...new Set([...document.querySelectorAll('.chosen')].map(one => one.textContent))].sort().join()"
    labels = "[...document.querySelectorAll('.place:not([hidden]) svg.wide')].map(one => one.getAttribute('aria-label').split(' at ')[1])"
    seen = f"[...new Set({labels})].map(one => 'At ' + one).sort().join()"
    page.click(f"[...document.querySelectorAll('[data-pick]')].find(one => one.textContent.endsWith(' {at[1]}'))")
    page.until(f"{chosen} === 'At connections {at[1]}' && {seen} === {chosen}")
    page.click(f"[...document.querySelectorAll('[data-pick]')].find(one => one.textContent.endsWith(' {first}'))")
    page.until(f"{chosen}.includes('At connections {first}') && {chosen}.includes(',') && {seen} === {chosen}")
    page.close()


def test_attempts_are_filtered_and_sorted(page: Page) -> None:
    """Words filter the table of attempts; a column's button sorts it by number, both ways."""
    page.js("document.querySelector('#attempts').open = true")
    page.click("document.querySelector('#find')")
    page.call("Input.insertText", text="suspect")
    page.until("document.querySelector('#found').textContent === '1 of 37 attempts'")
    assert page.js("[...document.querySelectorAll('#attempts tbody tr:not([hidden])')].length") == 1
    page.js("document.querySelector('#find').value = ''; document.querySelector('#find').dispatchEvent(new Event('input'))")
    column = "[...document.querySelectorAll('#attempts th')].findIndex(one => one.textContent.startsWith('throughput'))"
    values = f"[...document.querySelectorAll('#attempts tbody tr')].map(row => +row.cells[{column}].dataset.v).filter(isFinite)"
    page.click(f"document.querySelectorAll('#attempts th button')[{column}]")
    up = page.js(values)
    assert up == sorted(up)
    page.click(f"document.querySelectorAll('#attempts th button')[{column}]")
    assert page.js(values) == sorted(up, reverse=True)


def test_the_theme_is_chosen_and_kept(page: Page) -> None:
    """The page follows the system's theme until one is chosen, and remembers the choice."""
    ground = "getComputedStyle(document.body).backgroundColor"
    page.media(prefers_color_scheme="dark")
    page.until(f"{ground} === 'rgb(16, 19, 23)'")
    page.click("document.querySelector('[data-set-theme=light]')")
    page.until(f"{ground} === 'rgb(255, 255, 255)'")
    page.call("Page.reload")
    page.until(f"document.documentElement.dataset.ready && {ground} === 'rgb(255, 255, 255)'")
    page.click("document.querySelector('[data-set-theme=auto]')")
    page.until(f"{ground} === 'rgb(16, 19, 23)'")
    page.requests.pop()  # the second request for the page itself


def test_the_timeline_zooms_and_pans(page: Page) -> None:
    """Dragging zooms all rows and the steps, shift-dragging and buttons pan, the wheel zooms with ctrl, a double click shows all."""
    opened(page)
    start, width = measured_bar(page)
    page.drag(middle(page, OVER.format(1), 0.3), middle(page, OVER.format(1), 0.5))
    page.until(f"document.querySelector('#tl .step.measured').getAttribute('width') > {width}")
    zoomed = measured_bar(page)
    assert zoomed[1] > width  # the measured step fills the timeline
    page.click("[...document.querySelectorAll('.tlbar button')].find(one => one.textContent === 'All')")
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') === {start}")
    x, y = middle(page, OVER.format(0), 0.1)
    page.mouse("mouseWheel", x, y, deltaX=0, deltaY=-100, modifiers=2)
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') !== {start}")
    before = measured_bar(page)
    page.drag(middle(page, OVER.format(0), 0.3), middle(page, OVER.format(0), 0.2), shift=True)
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') !== {before[0]}")
    x, y = middle(page, OVER.format(0))
    page.click_at(x, y)
    for kind in ("mousePressed", "mouseReleased"):
        page.mouse(kind, x, y, button="left", clickCount=2)
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') === {start}")


def test_a_row_out_of_sight_is_zoomed_when_it_comes_into_sight(page: Page) -> None:
    """Zooming draws the rows that are seen; the last row of a small window follows once it is scrolled to."""
    page.size(1280, 390)
    opened(page)
    last = "[...document.querySelectorAll('#tl .uplot canvas')].at(-1)"
    empty = page.js(f"{last}.toDataURL()")
    page.js(f"{last}.scrollIntoView()")
    page.until(f"{last}.toDataURL() !== {empty!r}")
    page.js("document.querySelector('#tl').scrollIntoView({block: 'start'})")
    page.js("document.querySelector('#tl').focus({preventScroll: true})")
    page.until(f"{last}.getBoundingClientRect().top > innerHeight")
    page.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # the page has noticed
    whole = page.js(f"{last}.toDataURL()")
    start, _ = measured_bar(page)
    page.key("+")
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') !== {start}")
    assert page.js(f"{last}.toDataURL()") == whole
    page.js(f"{last}.scrollIntoView()")
    page.until(f"{last}.toDataURL() !== {whole!r}")


def test_a_row_out_of_sight_is_drawn_when_it_comes_into_sight(page: Page) -> None:
    """Opening a trial draws the rows that are seen; the last row of a small window gets its lines once it is scrolled to."""
    page.size(1280, 390)
    page.js(
        "globalThis.strokes = 0; const stroke = CanvasRenderingContext2D.prototype.stroke;"
        "CanvasRenderingContext2D.prototype.stroke = function (path) { strokes += path instanceof Path2D; return stroke.apply(this, arguments) }"
    )
    opened(page)
    last = "[...document.querySelectorAll('#tl .uplot canvas')].at(-1)"
    page.until(f"{last}.getBoundingClientRect().top > innerHeight")
    empty = page.js(f"{last}.toDataURL()")
    assert page.js("strokes") == 0
    page.js(f"{last}.scrollIntoView()")
    page.until(f"{last}.toDataURL() !== {empty!r} && strokes > 0")


def test_the_crosshair_reads_all_rows(page: Page) -> None:
    """Over one row the crosshair stands in all of them, and each legend says the values there; by keyboard they are said aloud, too."""
    opened(page)
    start, _ = measured_bar(page)
    values = "[...document.querySelectorAll('#tl .k span')].map(one => one.textContent).join()"
    means = page.js(values)
    page.mouse("mouseMoved", *middle(page, OVER.format(1)))
    page.until(f"{READS}.startsWith('At ') && !document.querySelector('#tl .cross').hidden")
    assert page.js(values) != means
    page.mouse("mouseMoved", 2, 2)
    page.until(f"{values} === {means!r}")
    page.js("document.querySelector('#tl').focus()")
    page.key("ArrowRight")
    said = page.until("document.querySelector('#tlsay').textContent")
    assert "seconds: Requests" in said
    page.key("+")
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') !== {start}")


def test_a_timeline_that_is_drawn_anew_keeps_its_crosshair(page: Page) -> None:
    """Another width or other colours leave what is read; what has its width already is not drawn anew, below a finger."""
    opened(page)
    page.js("document.querySelector('#tl').focus()")
    page.key("ArrowRight")
    read, plot = page.js(READS), OVER.format(0)
    assert read.startswith("At ")
    for change in (lambda: page.size(700), lambda: page.media(prefers_color_scheme="dark")):
        page.js(f"{{ window.before = {plot} }}")
        change()
        page.until(f"{plot} !== before && {PLOTTED} === 3")
        assert (page.js(READS), page.js("document.querySelector('#tl .cross').hidden")) == (read, False)
    page.js(
        "window.resized = new Promise(done => addEventListener('resize', () => setTimeout(done, 200))); true"
    )  # the page waits for 120 ms
    page.js(f"{{ window.before = {plot}; const one = document.querySelector('#tl'); one.style.width = `${{one.clientWidth}}px` }}")
    page.size(800)
    page.js("resized.then(() => true)")
    assert page.js(f"{plot} === before")


def test_fingers_read_zoom_and_pan(page: Page) -> None:
    """One finger moves the crosshair; two fingers zoom."""
    page.size(390, 844, phone=True)
    opened(page)
    start, _ = measured_bar(page)
    x, y = middle(page, OVER.format(0))
    page.touch("touchStart", (x, y))
    page.touch("touchMove", (x + 20, y))
    page.until(f"{READS}.startsWith('At ')")
    page.touch("touchEnd")
    page.touch("touchStart", (x - 30, y), (x + 30, y))
    page.touch("touchMove", (x - 60, y), (x + 60, y))
    page.touch("touchMove", (x - 90, y), (x + 90, y))
    page.touch("touchEnd")
    page.until(f"+document.querySelector('#tl .step.measured').getAttribute('x') !== {start}")


def test_series_are_chosen_and_hidden(page: Page) -> None:
    """Another series of the telemetry gets a row of its own; a key of the legend hides one machine."""
    opened(page)
    page.click("document.querySelector('#rowchoice summary')")
    page.click("document.querySelector('#rowchoice input[value=Memory]')")
    page.until(f"{PLOTTED} === 4")
    key = "document.querySelectorAll('#tl .k')[1]"
    page.click(key)
    assert page.js(f"{key}.getAttribute('aria-pressed')") == "false"
    opened(page, next(one.key for one in REPORT.trials[12:] if one.telemetry))  # minima and maxima
    assert "least and largest value" in page.js("document.querySelector('#tlnote').textContent")


def test_two_trials_stand_side_by_side(page: Page) -> None:
    """Two trials have their metrics in one table and the same row of their timelines, zoomed together; what differs is said."""
    a, b = [one for one in REPORT.trials[:12] if one.telemetry is not None and one.key != TRIAL.key][:2]
    page.box("document.querySelector('#two')")
    page.until("document.querySelector('#cmpwhy').textContent.includes('129 % of a core')")
    for name, trial in (("A", a), ("B", b)):
        page.js(
            f"{{ const one = document.querySelector('#cmp{name}'); one.value = '{trial.key}'; one.dispatchEvent(new Event('change')) }}"
        )
    page.until("document.querySelectorAll('#sideA .uplot, #sideB .uplot').length === 2")
    assert f"wke compare {a.key} {b.key} --why" in page.js("document.querySelector('#cmpwhy').textContent")
    earlier = next(one.key for one in REPORT.trials if one.key != one.id)  # an attempt that the command cannot name
    choose = "{{ const one = document.querySelector('#cmpA'); one.value = '{}'; one.dispatchEvent(new Event('change')) }}"
    page.js(choose.format(earlier))
    page.until("!document.querySelector('#cmpwhy').textContent.includes('wke compare')")
    page.js(choose.format(a.key))
    page.until("document.querySelectorAll('#sideA .uplot, #sideB .uplot').length === 2")
    bars = "[...document.querySelectorAll('#two .step.measured')].map(one => one.getAttribute('width')).join()"
    before = page.js(bars)
    page.drag(middle(page, "document.querySelector('#sideA .u-over')", 0.3), middle(page, "document.querySelector('#sideA .u-over')", 0.6))
    page.until(f"{bars} !== {before!r}")
    widths = page.js(bars).split(",")
    assert widths[0] == widths[1]


def test_it_prints_light_complete_and_without_controls(page: Page) -> None:
    """On paper the page is light even if it is dark, folded parts are open, and nothing that is clicked is there."""
    page.click("document.querySelector('[data-set-theme=dark]')")
    paper = page.paper()
    assert paper.startswith(b"%PDF")
    assert paper.count(b"/Type /Page\n") + paper.count(b"/Type /Page/") + paper.count(b"/Type/Page") >= 3
    page.media("print")
    assert page.js("getComputedStyle(document.documentElement).getPropertyValue('--bg').trim()") == "#fff"
    hidden = "[...document.querySelectorAll('.bar, .cmd button, #find, #two, .seg')].every(one => one.getClientRects().length === 0)"
    assert page.js(hidden)
    page.js("dispatchEvent(new Event('beforeprint'))")
    assert page.js("[...document.querySelectorAll('main details')].every(one => one.open)")
    page.js("dispatchEvent(new Event('afterprint'))")
    assert not page.js("document.querySelector('#attempts').open")
    page.media()
    page.js("localStorage.clear()")


def test_nothing_scrolls_sideways(page: Page) -> None:
    """At any width the page and the drawer are as wide as the window."""
    overflow = "document.scrollingElement.scrollWidth - innerWidth"
    page.js("document.querySelectorAll('details').forEach(one => { one.open = true })")
    for width in (320, 390, 768, 1024, 1280, 1920):
        page.size(width)
        assert page.js(overflow) <= 0, width
        opened(page)
        page.js("document.querySelectorAll('.dbody details').forEach(one => { one.open = true })")
        assert page.js(overflow) <= 0, width
        assert page.js("(one => one.scrollWidth - one.clientWidth)(document.querySelector('.dbody'))") <= 0, width
        assert page.js("document.querySelector('#drawer').getBoundingClientRect().right") <= width
        page.key("Escape")
        page.until(f"!{OPEN}")


def test_motion_is_reduced_where_it_is_asked_for(page: Page) -> None:
    """Nothing glides for people who asked for less motion."""
    scroll = "getComputedStyle(document.documentElement).scrollBehavior"
    assert page.js(scroll) == "smooth"
    page.media(prefers_reduced_motion="reduce")
    page.until(f"{scroll} === 'auto'")


def test_two_series_share_the_figures(browser: Browser, tmp_path: Path) -> None:
    """Series side by side are lines of the same figures, hidden together or alone; each has its order; trials of both open and compare."""
    report, path = shown_beside(), tmp_path / "both.html"
    path.write_text(report_page(report))
    page = browser.page()
    page.open(path)
    page.until("document.documentElement.dataset.ready")
    keys = "[...document.querySelectorAll('.keys [data-toggle]')].map(one => one.textContent)"
    assert page.js(keys) == [f"{name}, {servers}" for name in report.series for servers in SERVERS]
    shown = f"{FIGURE}.querySelectorAll('svg.wide [data-line=\"{{}}\"]:not(.off)').length"
    page.click("document.querySelector('[data-toggle=\"3\"]')")
    assert page.js(shown.format(3)) == 0 < page.js(shown.format(0))
    titles = "[...document.querySelectorAll('.ftitle')].map(one => one.textContent).filter(one => one.startsWith('Order'))"
    assert page.js(titles)[:2] == [f"Order of execution: {name}" for name in report.series]
    page.js("document.querySelector('#attempts').open = true")
    page.click("document.querySelector('#find')")
    page.call("Input.insertText", text="old")
    page.until("document.querySelector('#found').textContent === '37 of 74 attempts'")
    other = report.trials[len(REPORT.trials) + SUSPECT]
    opened(page, other.key)
    assert page.js(TITLE) == other.key
    assert page.js("document.querySelector('#dsub').textContent").startswith("old, num-servers ")
    page.key("Escape")
    page.until(f"!{OPEN}")
    page.box("document.querySelector('#two')")
    for name, trial in (("A", TRIAL), ("B", other)):
        choose = f"one.value = '{trial.key}'; one.dispatchEvent(new Event('change'))"
        page.js(f"{{ const one = document.querySelector('#cmp{name}'); {choose} }}")
    page.until("document.querySelectorAll('#sideA .uplot, #sideB .uplot').length === 2")
    assert page.js("[...document.querySelectorAll('#cmptable td')].at(-1).textContent") == "–"
    assert "The kernel is another one." in page.js("document.querySelector('#compare').textContent")
    page.size(390)
    page.until("document.scrollingElement.scrollWidth <= innerWidth")
    assert not page.complaints
    page.close()


def test_lines_of_many_samples_are_drawn_and_hidden(browser: Browser, tmp_path: Path) -> None:
    """A line with more samples than pixels has a mark in every column of pixels but where nothing is known; its key hides it."""
    trials = [replace(one, telemetry=telemetry_of(1, 5, seconds=900)) if one.key == TRIAL.key else one for one in REPORT.trials]
    path = tmp_path / "long.html"
    path.write_text(report_page(replace(REPORT, trials=trials)))
    page = browser.page()
    page.open(path)
    page.until("document.documentElement.dataset.ready")
    opened(page)
    drawn = """(() => {
        const canvas = document.querySelectorAll('#tl .uplot canvas')[0], ground = 60, width = canvas.width - ground - 12;
        const {data} = canvas.getContext('2d').getImageData(ground, 8, width, canvas.height - 20);
        const dark = at => data[at + 3] && data[at] < 60 && data[at + 2] > 90;
        return [...Array(width).keys()].filter(x => [...Array(canvas.height - 20).keys()].some(y => dark(4 * (y * width + x)))).length / width
    })()"""
    page.until(f"{drawn} > 0.97")
    page.js("document.querySelector('#tl').focus()")
    page.key("+")
    page.until(f"{drawn} > 0.97")
    page.click("document.querySelector('#tl .k')")
    page.until(f"{drawn} < 0.05")
    page.close()
