"""Pages of the documentation as a person follows them: their blocks, in order, carried out in one folder.

What a block is for stands in a comment before it:

    <!-- not run: WHY -->      its commands are only looked at: they and their options have to exist
    <!-- any order -->         its lines of output may come in another order
    <!-- status 2 -->          its last command ends with that status (0 otherwise)
    <!-- file: PATH -->        the block is written to PATH
    <!-- excerpt: PATH -->     the block stands in the file PATH as it is
    <!-- tested with: FLAGS -->  its last command gets these flags, too: what is long for a person need not be for a test

A `console` block without a comment is run: lines after `$ ` are commands, the others what they print to both streams together. A number
stands for any number, twelve hexadecimal digits for any, spaces for any amount of them, `…` for anything, and a line of it for any lines.
Load generators of the pages measure for half a second, here for a tenth (`HURRIED`): no figure of theirs is looked at.
Pages show what root sees on a quiet machine; what a plain user, or a busy machine, is told in addition does not count.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from support import limit

FENCE = re.compile(r"(?:^<!-- (?P<note>[^\n]*) -->\n)?(?P<fence>^```)(?P<language>\w+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
ELISION = "…"
HURRIED = re.compile(r'(?<="seconds", )(default = )?0\.5(?=[] ,])')
TOLD_TO_USERS = "the machines have no user but root"
TOLD_OF_BUSY_MACHINES = "began unevenly: "
LOOSE = re.compile(r"(?P<elision>…)|(?P<hex>\b[0-9a-f]{12}\b)|(?P<number>\d[\d,.]*(?:e[+-]\d+)?)|(?P<space>\s+)")
LOOSELY = {"elision": ".*", "hex": "[0-9a-f]{12}", "number": r"\d[\d,.]*(?:e[+-]\d+)?", "space": r"\s+"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its language, its text, the comment before it, the line of the page it begins in."""

    page: Path
    line: int
    language: str
    text: str
    note: str

    def has(self, word: str) -> bool:
        return any(part.strip().startswith(word) for part in self.note.split(", "))

    def value(self, word: str) -> str:
        """Return what follows a word of the note."""
        return next((part.strip().removeprefix(word).lstrip(": ") for part in self.note.split(", ") if part.strip().startswith(word)), "")

    def exchanges(self) -> Iterator[tuple[str, list[str]]]:
        """Yield each command of a console block and the lines it prints."""
        command, printed = "", []
        for line in self.text.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, printed
                command, printed = line[2:], []
            else:
                printed.append(line)
        yield command, printed

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """Return a page's fenced blocks in order."""
    text = page.read_text(encoding="utf-8")
    found = FENCE.finditer(text)
    return [Block(page, text.count("\n", 0, m.start("fence")) + 1, m["language"], m["text"], (m["note"] or "").strip()) for m in found]


class Reader:
    """Someone who follows a page: in a folder, with an environment, and with what they have learned to expect."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def follow(self, block: Block) -> list[str]:
        """Do what a block says; return what does not turn out as it says."""
        if block.has("file"):
            return self._write(block)
        if block.has("excerpt"):
            whole = (self.folder / block.value("excerpt")).read_text(encoding="utf-8")
            return [] if block.text in whole else [f"{block}: does not stand in {block.value('excerpt')}"]
        if block.language != "console" or block.has("not run"):
            return []
        exchanges = list(block.exchanges())
        exchanges[-1] = f"{exchanges[-1][0]} {block.value('tested with')}".rstrip(), exchanges[-1][1]
        wanted = [0] * (len(exchanges) - 1) + [int(block.value("status") or 0)]
        return [
            problem
            for (command, expected), status in zip(exchanges, wanted, strict=True)
            for problem in self._run(block, command, expected, status)
        ]

    def _write(self, block: Block) -> list[str]:
        path = self.folder / block.value("file")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        self._hurry()
        return []

    def _hurry(self) -> None:
        """Shorten what the load generators of all configurations measure."""
        for path in self.folder.glob("*/config.toml"):
            text = path.read_text(encoding="utf-8")
            if (hurried := HURRIED.sub(r"\g<1>0.1", text)) != text:
                path.write_text(hurried, encoding="utf-8")

    def _run(self, block: Block, command: str, expected: list[str], status: int) -> Iterator[str]:
        where = self.folder / ".where"
        script = f"{command}\nstatus=$?; pwd > {where}; exit $status"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit(100),
            check=False,
        )
        told = done.stdout.decode().replace("(user-namespaces)", "(namespaces)")
        self.folder, printed = (
            Path(where.read_text().strip()),
            [line for line in told.splitlines() if not line.startswith((TOLD_TO_USERS, TOLD_OF_BUSY_MACHINES))],
        )
        where.unlink()
        self._hurry()
        if done.returncode != status:
            yield f"{block}: `{command}` ends with status {done.returncode}, not {status}:\n{told}"
        elif not (agrees_in_any_order if block.has("any order") else agrees)(expected, printed):
            yield f"{block}: `{command}` prints something else:\n{told}"


def agrees(expected: list[str], printed: list[str]) -> bool:
    """Tell whether lines are what a page shows, line by line."""
    parts = [r"(?:.*\n)*" if line.strip() == ELISION else _pattern(line) + r"\s*\n" for line in expected]
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in printed)) is not None


def agrees_in_any_order(expected: list[str], printed: list[str]) -> bool:
    """Tell whether lines are what a page shows, each line once."""
    left = list(printed)
    for line in expected:
        if line.strip() != ELISION:
            match = next((other for other in left if re.fullmatch(_pattern(line) + r"\s*", other)), None)
            if match is None:
                return False
            left.remove(match)
    return not left or any(line.strip() == ELISION for line in expected)


def _pattern(line: str) -> str:
    """Return the regular expression for what a line of a page stands for."""
    at, pattern = 0, ""
    for loose in LOOSE.finditer(line.rstrip()):
        pattern += re.escape(line[at : loose.start()]) + LOOSELY[loose.lastgroup or ""]
        at = loose.end()
    return pattern + re.escape(line.rstrip()[at:])


def environment(**more: str) -> dict[str, str]:
    """Return what a reader's shell has: this Python's programs first, no colours, none of our own variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("WKE_", "FORCE_", "NO_COLOR"))}
    return {**kept, **more}
