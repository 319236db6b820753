"""A headless Chromium that tests drive through its DevTools protocol, over a pair of pipes: no port, no network, no further package."""

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from support import eventually, limit

PROGRAMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser", "chrome", "microsoft-edge")
NAMED = "WKE_BROWSER"
"""A variable that names the browser to use."""
OF_PLAYWRIGHT = ("chromium-*/chrome-linux*/chrome", "chromium_headless_shell-*/chrome-*/*headless*shell")
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # tests run as root
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-features=Translate,OptimizationHints,MediaRouter",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--mute-audio",
    "--force-color-profile=srgb",
    "--remote-debugging-pipe",
)
MOUSE = {"button": "left", "clickCount": 1}


@cache
def browser_here() -> tuple[str | None, str]:
    """Return the browser of this machine, see `found_browser`; it is looked for once."""
    return found_browser(os.environ)


def found_browser(environment: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the path of a browser that tests can use, or None and why there is none: what was looked at, and what is wrong with it."""
    named, path = environment.get(NAMED), environment.get("PATH", os.defpath)
    cached = Path(environment.get("PLAYWRIGHT_BROWSERS_PATH") or Path(environment.get("HOME", "/"), ".cache", "ms-playwright"))
    on_path = [one for name in PROGRAMS if (one := shutil.which(name, path=path))]
    of_playwright = [str(one) for pattern in OF_PLAYWRIGHT for one in sorted(cached.glob(pattern))]
    refused = []
    for one in [named] if named else [*on_path, *of_playwright]:
        wrong = _wrong_with(one)
        if wrong is None:
            return one, ""
        refused.append(f"{one} {wrong}")
    looked = "; ".join(refused) or f"none of {', '.join(PROGRAMS)} is on PATH, and Playwright has installed none"
    return None, f"no browser: {looked}. `scripts/setup system test` installs one or says how; {NAMED} names one"


def _wrong_with(browser: str) -> str | None:
    """Return what is wrong with a browser, None for one that works. Ubuntu's is a snap, or a stub that asks to install the snap."""
    try:
        done = subprocess.run([browser, "--version"], capture_output=True, text=True, errors="replace", timeout=limit(30), check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"does not run: {error}"
    if done.returncode:
        said = next((line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()), "")
        return f"does not run: status {done.returncode}{f', {said}' if said else ''}"
    if "snap" in done.stdout.split():
        return "is a snap: it has a /tmp of its own and cannot open the pages of tests"
    return None


class Browser:
    """The running browser: requests and their answers as JSON texts that a zero byte ends."""

    def __init__(self, to: int, out: int) -> None:
        self.to, self.out, self.buffer, self.number = to, out, b"", 0
        self.pages: dict[str, Page] = {}

    def call(self, method: str, session: str | None = None, **params: object) -> Any:
        self.number += 1
        request = {"id": self.number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        data = json.dumps(request).encode() + b"\0"
        while data:
            data = data[os.write(self.to, data) :]
        while True:
            answer = self._next(f"{method} {params}")
            if answer.get("id") == self.number:
                if "error" in answer:
                    msg = f"{method}: {answer['error']}"
                    raise AssertionError(msg)
                return answer["result"]

    def _next(self, waiting_for: str) -> Any:
        while b"\0" not in self.buffer:
            if not select.select([self.out], [], [], limit(30))[0]:
                msg = f"the browser does not answer: {waiting_for:.500}"
                raise AssertionError(msg)
            chunk = os.read(self.out, 1 << 20)
            assert chunk, f"the browser has ended: {waiting_for:.500}"
            self.buffer += chunk
        text, _, self.buffer = self.buffer.partition(b"\0")
        answer = json.loads(text)
        if "method" in answer and answer.get("sessionId") in self.pages:
            self.pages[answer["sessionId"]].hear(answer["method"], answer["params"])
        return answer

    def page(self, width: int = 1280, height: int = 900) -> "Page":
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = Page(self, target, session)
        self.pages[session] = page
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.call(f"{domain}.enable")
        page.call("Emulation.setFocusEmulationEnabled", enabled=True)
        page.call("Page.bringToFront")
        page.size(width, height)
        return page


class Page:
    """One page, with all that it said and asked for."""

    def __init__(self, browser: Browser, target: str, session: str) -> None:
        self.browser, self.target, self.session = browser, target, session
        self.complaints: list[str] = []
        self.requests: list[str] = []

    def hear(self, method: str, params: Any) -> None:
        if method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(params["exceptionDetails"])[:2000])
        elif method == "Runtime.consoleAPICalled":
            self.complaints.append(json.dumps(params["args"])[:2000])
        elif method == "Log.entryAdded":
            self.complaints.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def call(self, method: str, **params: object) -> Any:
        return self.browser.call(method, self.session, **params)

    def size(self, width: int, height: int = 900, *, phone: bool = False) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setTouchEmulationEnabled", enabled=phone)

    def media(self, medium: str = "", **features: str) -> None:
        """Emulate a medium (`print`) and features such as `prefers_color_scheme="dark"`."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", media=medium, features=named)

    def open(self, path: Path, mark: str = "") -> None:
        self.requests.clear()
        self.call("Page.navigate", url="about:blank")
        self.call("Page.navigate", url=path.as_uri() + mark)
        self.until("document.readyState === 'complete' && location.protocol === 'file:'")

    def js(self, expression: str) -> Any:
        """Return the value of an expression; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, f"{expression[:300]}: {answer['exceptionDetails']}"
        return answer["result"].get("value")

    def until(self, condition: str) -> Any:
        """Return the value of an expression once it is true; an element is True."""
        tried = (
            f"(() => {{ try {{ const value = {condition}; return value instanceof Object ? true : value }} catch {{ return null }} }})()"
        )
        found: list[Any] = []

        def is_true() -> bool:
            found.append(self.call("Runtime.evaluate", expression=tried, returnByValue=True)["result"].get("value"))
            return bool(found[-1])

        try:
            eventually(is_true)
        except AssertionError:
            msg = f"never true: {condition}"
            raise AssertionError(msg) from None
        return found[-1]

    def box(self, query: str) -> dict[str, float]:
        """Return where an element is, after scrolling it into view, once this is drawn: the browser finds what is under a pointer by its frames.

        The third frame begins when the first has been shown.
        """
        return self.js(
            f"(async () => {{ const node = {query}; node.scrollIntoView({{block: 'center', behavior: 'instant'}});"
            "for (const _ of [1, 2, 3]) await new Promise(requestAnimationFrame);"
            "const {x, y, width, height} = node.getBoundingClientRect(); return {x, y, width, height} })()"
        )

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, **more)

    def click(self, query: str) -> None:
        """Click the middle of an element as a person does."""
        box = self.box(query)
        self.click_at(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    def click_at(self, x: float, y: float) -> None:
        self.mouse("mouseMoved", x, y)
        self.mouse("mousePressed", x, y, **MOUSE)
        self.mouse("mouseReleased", x, y, **MOUSE)

    def drag(self, start: tuple[float, float], end: tuple[float, float], *, shift: bool = False) -> None:
        held = {"modifiers": 8} if shift else {}
        self.mouse("mouseMoved", *start, **held)
        self.mouse("mousePressed", *start, **MOUSE, **held)
        for step in range(1, 5):
            x, y = (a + (b - a) * step / 4 for a, b in zip(start, end, strict=True))
            self.mouse("mouseMoved", x, y, button="left", buttons=1, **held)
        self.mouse("mouseReleased", *end, **MOUSE, **held)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        self.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y, "id": at} for at, (x, y) in enumerate(points)])

    def key(self, name: str, modifiers: int = 0) -> None:
        text = {"text": name} if len(name) == 1 else {"text": "\r"} if name == "Enter" else {}
        codes = {"ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40, "Enter": 13, "Escape": 27, "Tab": 9}
        code = {"windowsVirtualKeyCode": codes[name]} if name in codes else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=name, modifiers=modifiers, **text, **code)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=name, modifiers=modifiers, **code)

    def picture(self, path: Path) -> None:
        """Write a picture of what is seen, as PNG or WebP by the suffix of the file."""
        kind = {"format": "png"} if path.suffix == ".png" else {"format": "webp", "quality": 82}
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", **kind)["data"]))

    def paper(self) -> bytes:
        """Return the page as PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True, preferCSSPageSize=True)["data"])

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)
        del self.browser.pages[self.session]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser with a profile of its own, and end it and its processes. It reads requests at descriptor 3 and answers at 4."""
    path, why = browser_here()
    assert path, why
    pipes = [*os.pipe(), *os.pipe()]
    for_it, to, out, from_it = (fcntl.fcntl(pipe, fcntl.F_DUPFD_CLOEXEC, 10) for pipe in pipes)
    for pipe in pipes:
        os.close(pipe)
    with tempfile.TemporaryDirectory(prefix="wke-chromium-", ignore_cleanup_errors=True) as folder:
        actions = [(os.POSIX_SPAWN_DUP2, for_it, 3), (os.POSIX_SPAWN_DUP2, from_it, 4)]
        actions += [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in (0, 1, 2)]
        pid = os.posix_spawn(path, [path, *FLAGS, f"--user-data-dir={folder}"], os.environ, file_actions=actions, setsid=True)
        os.close(for_it)
        os.close(from_it)
        try:
            yield Browser(to, out)
        finally:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            os.close(to)
            os.close(out)
