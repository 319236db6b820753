"""The pages as a new user meets them: what they show is what happens."""

import json
import re
import sys
from pathlib import Path

import pytest
from pages import Block, Reader, agrees, agrees_in_any_order, blocks, environment
from projects import Project, emulated_cluster

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "howto").glob("*.md"))]
FOLLOWED = [page for page in PAGES if any(block.language == "console" and not block.has("not run") for block in blocks(page))]


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory, keepers: Path) -> dict[str, str]:
    """Return the environment of a reader's shell, where `wke` is ours; skip where machines are no more than processes."""
    folder = tmp_path_factory.mktemp("bin")
    (folder / "wke").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m wke.cli "$@"\n')
    (folder / "wke").chmod(0o755)
    surroundings = {"WKE_EMULATION_FOLDER": str(keepers)}
    project = Project(tmp_path_factory.mktemp("probe"), emulated_cluster(1), surroundings)
    project.wke("cluster", "up")
    mode = json.loads(project.wke("cluster", "show", "--json").out)["mode"]
    project.wke("cluster", "down")
    if mode == "processes":
        pytest.skip("kernel: without namespaces machines have no names and addresses of their own")
    path = environment()["PATH"]
    return environment(PATH=f"{folder}:{path}", **surroundings)


@pytest.mark.netns
@pytest.mark.timeout(300)
@pytest.mark.parametrize("page", FOLLOWED, ids=lambda page: page.stem)
def test_a_reader_sees_what_the_page_shows(page: Path, tmp_path: Path, shell: dict[str, str]) -> None:
    """Every command of a page, given in order in an empty folder, prints what the page says and ends as it says."""
    reader = Reader(tmp_path, shell)
    problems = [problem for block in blocks(page) for problem in reader.follow(block)]
    assert not problems, "\n\n".join(problems)


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (["a 1.5 s"], ["a 22 s"], True),
        (["a  b"], ["a b"], True),
        (["a (… left)"], ["a (about 3 s left)"], True),
        (["first", "…", "last"], ["first", "x", "y", "last"], True),
        (["id 3fa9c1d2e0b4-2"], ["id 000000000000-0"], True),
        (["a"], ["b"], False),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["b", "a"], False),
        (["1.5 s"], ["soon"], False),
    ],
)
def test_what_pages_may_leave_open(expected: list[str], printed: list[str], *, same: bool) -> None:
    """Numbers, ids, spaces and what is elided may differ; words, order and the number of lines may not."""
    assert agrees(expected, printed) is same


def test_in_any_order_each_line_counts_once() -> None:
    """A block in any order has to show every line that is printed."""
    assert agrees_in_any_order(["a", "b"], ["b", "a"])
    assert not agrees_in_any_order(["a", "a"], ["a", "b"])
    assert not agrees_in_any_order(["a"], ["a", "b"])


def test_a_page_that_promises_too_much_is_found(tmp_path: Path) -> None:
    """A wrong line, a wrong status and an excerpt that is none are told with page and line."""
    (tmp_path / "file").write_text("text\n")
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ echo one\ntwo\n```\n<!-- status 3 -->\n```console\n$ true\n```\n<!-- excerpt: file -->\n```toml\nother\n```\n"
    )
    reader = Reader(tmp_path, environment())
    problems = [problem for block in blocks(page) for problem in reader.follow(block)]
    assert [re.sub(r":\n.*", "", problem, flags=re.DOTALL) for problem in problems] == [
        "page.md:1: `echo one` prints something else",
        "page.md:6: `true` ends with status 0, not 3",
        "page.md:10: does not stand in file",
    ]
    assert isinstance(blocks(page)[0], Block)
