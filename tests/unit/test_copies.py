"""Copies as values: both ends in one process, frames handed over one by one, and senders that lie."""

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wke.act.connection.transfer import OneOfMany, SharedSource
from wke.agent import frames, landing, sender, tree
from wke.agent.landing import Landing
from wke.agent.protocol import Decoder, Frame, ProtocolError, encode
from wke.agent.sender import Sender, wanted
from wke.agent.tree import ANSWER, CHUNK, FILE, FOLDER, PART, CopyError, Entry, base_name
from wke.cli.copy import CopyOrder, read_order
from wke.errors import InputError

SMALL = 64  # a chunk in these tests, so that small files are large ones


class BrokenError(Exception):
    """The connection is no more."""


@dataclass
class Copy:
    """A copy between two ends in this process; `frames` are those that the sender sent."""

    source: Path
    landing: Landing
    frames: list[Frame] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sender = Sender(os.fsencode(self.source), self._tell)
        self._answers: list[dict[str, object]] = []

    def run(self, most_frames: int = 1 << 30) -> "Copy":
        """Run to the end, or until the connection breaks after so many frames."""
        steps, value = self.sender.run(), None
        self._left = most_frames
        try:
            while True:
                value = self._answers.pop(0) if steps.send(value) == ANSWER else None
        except StopIteration:
            return self
        except BrokenError:
            self.landing.close(keep=True)
            return self

    def _tell(self, kind: int, head: dict[str, object], payload: bytes = b"") -> None:
        if not self._left:
            raise BrokenError
        self._left -= 1
        (frame,) = Decoder().frames(encode(kind, 1, head, payload))
        self.frames.append(frame)
        if kind == frames.OFFER:
            first, forms = frame.head["first"], frame.head["entries"]
            self._answers.append({"first": first, "have": take(self.landing, first, [Entry.read(form) for form in forms])})
        elif kind == frames.DATA:
            self.landing.data(frame.head["parts"], frame.payload)
        else:
            self.landing.finish()


def take(where: Landing, first: int, entries: list[Entry]) -> object:
    steps = where.offer(first, entries)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def copied(source: Path, destination: object, **limits: int) -> Copy:
    return Copy(source, Landing(os.fsencode(destination), base_name(os.fsencode(source)))).run(**limits)


def snapshot(path: Path) -> dict[str, tuple[object, ...]]:
    """Return all that a copy has to keep, by the path below `path`."""
    found = {}
    for place in [path, *(Path(folder, name) for folder, folders, files in os.walk(path) for name in folders + files)]:
        status = place.lstat()
        link, file = stat.S_ISLNK(status.st_mode), stat.S_ISREG(status.st_mode)
        content = place.readlink() if link else place.read_bytes() if file else None
        mode = None if link else stat.S_IMODE(status.st_mode)
        found[str(place.relative_to(path))] = (stat.S_IFMT(status.st_mode), mode, status.st_mtime_ns, content)
    return found


def parts(folder: Path) -> list[str]:
    return [name for _, _, names in os.walk(folder) for name in names if name.startswith(PART.decode())]


def unlock(path: Path) -> None:
    for above, _, _ in os.walk(path):
        Path(above).chmod(0o700)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a folder that can be removed whatever the modes in it."""
    path = Path(tempfile.mkdtemp())
    yield path
    unlock(path)
    shutil.rmtree(path)


NAMES = st.binary(min_size=1, max_size=8).filter(lambda n: n not in {b".", b".."} and not set(n) & {0, 47} and not n.startswith(PART))
TIMES = st.integers(0, 2**32 * 10**9)
FILES = st.tuples(st.just("f"), st.binary(max_size=4 * SMALL), st.sampled_from([0o644, 0o755, 0o400, 0o640]), TIMES)
LINKS = st.tuples(st.just("l"), st.binary(min_size=1, max_size=20).filter(lambda t: 0 not in t), st.just(0), TIMES)
TREES = st.recursive(
    st.dictionaries(NAMES, FILES | LINKS, max_size=6),
    lambda inner: st.dictionaries(
        NAMES, FILES | LINKS | st.tuples(st.just("d"), inner, st.sampled_from([0o755, 0o700, 0o500]), TIMES), max_size=4
    ),
    max_leaves=12,
)


def plant(path: Path, tree: dict[bytes, tuple[str, object, int, int]]) -> None:
    path.mkdir()
    for name, (kind, content, mode, mtime_ns) in tree.items():
        place = path / os.fsdecode(name)
        if kind == "l":
            place.symlink_to(os.fsdecode(content))
        elif kind == "d":
            plant(place, content)
        else:
            place.write_bytes(content)
        if kind != "l":
            place.chmod(mode)
        os.utime(place, ns=(mtime_ns, mtime_ns), follow_symlinks=False)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks, batches and the window small."""
    for module, name, value in [
        (sender, "CHUNK", SMALL),
        (landing, "CHUNK", SMALL),
        (landing, "WORTH_KEEPING", 1),
        (landing, "OPEN_FOLDERS", 1),
        (sender, "BATCH", 3),
        (sender, "WINDOW", 2),
    ]:
        monkeypatch.setattr(module, name, value)


@pytest.mark.usefixtures("small_chunks")
def test_any_tree_arrives_as_it_was_also_in_pieces() -> None:
    """Names of any bytes, modes, times, links and empty folders; the copy after one that broke off anywhere completes it."""

    @settings(deadline=None, max_examples=60)
    @given(TREES, st.integers(0, 30))
    def check(tree: dict[bytes, tuple[str, object, int, int]], frames: int) -> None:
        root = Path(tempfile.mkdtemp())
        try:
            plant(root / "tree", tree)
            copied(root / "tree", f"{root}/to/", most_frames=frames)
            first = copied(root / "tree", f"{root}/to/")
            assert snapshot(root / "to" / "tree") == snapshot(root / "tree")
            assert parts(root) == []
            second = copied(root / "tree", f"{root}/to/")
            assert snapshot(root / "to" / "tree") == snapshot(root / "tree")
            assert (second.sender.size, second.sender.files) == (0, first.sender.files)
        finally:
            unlock(root)
            shutil.rmtree(root)

    check()


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("frames", range(3, 12))
def test_a_large_file_goes_on_where_it_stopped(folder: Path, frames: int) -> None:
    """What a broken copy carried is not carried again, and until it is whole there is nothing under its name."""
    (folder / "file").write_bytes(os.urandom(8 * SMALL))
    broken = copied(folder / "file", folder / "to", most_frames=frames)
    assert (folder / "to").exists() is (broken.sender.files == 1)
    arrived = broken.landing.size
    assert arrived > 0
    assert copied(folder / "file", folder / "to").sender.size == 8 * SMALL - arrived
    assert (folder / "to").read_bytes() == (folder / "file").read_bytes()
    assert parts(folder) == []


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("left", [b"x" * 3 * SMALL, b"x" * 9 * SMALL, b""])
def test_a_part_of_something_else_is_not_built_upon(folder: Path, left: bytes) -> None:
    """Its content decides, not its name or size."""
    content = os.urandom(8 * SMALL)
    (folder / "file").write_bytes(content)
    copied(folder / "file", folder / "to", most_frames=4)
    (part,) = parts(folder)
    (folder / part).write_bytes(left)
    assert copied(folder / "file", folder / "to").sender.size == len(content)
    assert (folder / "to").read_bytes() == content


@pytest.mark.usefixtures("small_chunks")
def test_two_copies_to_the_same_place_do_not_meet(folder: Path) -> None:
    """Machines may share a home folder: each writer has a file of its own, and what comes out is whole."""
    contents = [os.urandom(8 * SMALL) for _ in range(2)]
    for number, content in enumerate(contents):
        (folder / f"file{number}").write_bytes(content)
    slow = Landing(os.fsencode(folder / "to"), b"file0")
    take(slow, 0, [Entry(b"", "f", 0o644, 0, size=8 * SMALL)])
    slow.data([[0, 0, 4 * SMALL]], contents[0][: 4 * SMALL])
    copied(folder / "file1", folder / "to")
    assert (folder / "to").read_bytes() == contents[1]
    slow.data([[0, 4 * SMALL, 4 * SMALL]], contents[0][4 * SMALL :])
    slow.finish()
    assert (folder / "to").read_bytes() == contents[0]
    assert parts(folder) == []


def test_the_content_decides_what_is_there_already(folder: Path) -> None:
    """The same size and time are not enough; the same content is, and then only mode and time are set."""
    for name in ("file", "to"):
        (folder / name).write_bytes(name.ljust(8).encode())
        os.utime(folder / name, (1, 1))
    assert copied(folder / "file", folder / "to").landing.unchanged == 0
    assert (folder / "to").read_bytes() == b"file    "
    (folder / "file").chmod(0o751)
    os.utime(folder / "file", (2, 2))
    assert copied(folder / "file", folder / "to").landing.unchanged == 1
    assert snapshot(folder / "to") == snapshot(folder / "file")


def test_many_small_files_share_frames(folder: Path) -> None:
    """A thousand files cost neither a thousand frames nor a thousand answers."""
    (folder / "tree").mkdir()
    for number in range(1000):
        (folder / "tree" / f"f{number}").write_bytes(b"x" * 100)
    frames = copied(folder / "tree", folder / "to").frames
    assert len(frames) < 20
    assert len(list((folder / "to").iterdir())) == 1000


def test_what_is_no_file_folder_or_link_is_left_out(folder: Path) -> None:
    """A pipe is named and not opened; parts of other copies are no files of the user's."""
    (folder / "tree").mkdir()
    os.mkfifo(folder / "tree" / "pipe")
    (folder / "tree" / f"{PART.decode()}1").write_bytes(b"half")
    copy = copied(folder / "tree", folder / "to")
    assert copy.frames[-1].head == {"left-out": [f"{PART.decode()}1", "pipe"]}
    assert list((folder / "to").iterdir()) == []


MIB = 1 << 20


def has_holes(path: Path) -> bool:
    """Tell whether a file takes less room than its size says."""
    return path.stat().st_blocks * 512 < path.stat().st_size


@pytest.mark.parametrize("data_at", [[], [0], [3 * MIB], [2 * MIB, 5 * MIB], [0, 8 * MIB - 5]], ids=str)
@pytest.mark.parametrize("frames", [1 << 30, 5])
def test_holes_stay_holes_and_are_not_carried(folder: Path, data_at: list[int], frames: int) -> None:
    """Wherever data and holes lie, also when the copy broke off and is continued: only what is data is carried, and the content is the same."""
    with (folder / "file").open("wb") as file:
        for at in data_at:
            file.seek(at)
            file.write(b"data!")
        file.truncate(8 * MIB)
    if not has_holes(folder / "file"):
        pytest.skip("this file system has no holes")
    copied(folder / "file", folder / "to", most_frames=frames)
    copy = copied(folder / "file", folder / "to")
    assert (folder / "to").read_bytes() == (folder / "file").read_bytes()
    assert has_holes(folder / "to")
    assert copy.sender.size <= len(data_at) * 64 * 1024
    assert parts(folder) == []


def test_a_file_whose_size_is_not_its_content_is_read_to_its_end(folder: Path) -> None:
    """Files of the kernel say 0 or 4096 bytes, whatever is in them; alone and in a folder."""
    copied(Path("/proc/version"), folder / "to")
    assert (folder / "to").read_bytes() == Path("/proc/version").read_bytes() != b""
    copied(Path("/proc/sys/kernel/random"), folder / "tree")
    assert (folder / "tree" / "boot_id").read_bytes() == Path("/proc/sys/kernel/random/boot_id").read_bytes()
    copied(Path("/sys/kernel/mm/transparent_hugepage/enabled"), folder / "said")
    assert (folder / "said").read_bytes() == Path("/sys/kernel/mm/transparent_hugepage/enabled").read_bytes()


def test_a_file_without_an_end_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has no known size may be endless: there is a bound, at both ends."""
    monkeypatch.setattr(sender, "MOST_STREAMED", 10)
    with pytest.raises(CopyError, match="has no known size"):
        copied(Path("/proc/version"), folder / "to")
    monkeypatch.setattr(landing, "MOST_STREAMED", 10)
    where = Landing(os.fsencode(folder / "to"), b"file")
    take(where, 0, [Entry(b"", "s", 0o644, 0)])
    where.data([[0, 0, 10]], b"0123456789")
    with pytest.raises(ProtocolError, match="data of 11 bytes"):
        where.data([[0, 10, 1]], b"x")
    where.close(keep=False)


@pytest.mark.parametrize(("most", "number"), [("MOST_FOLDERS", 3), ("MOST_ENTRIES", 4)])
def test_endless_folders_are_bounded(folder: Path, monkeypatch: pytest.MonkeyPatch, most: str, number: int) -> None:
    """An honest sender says so, and another one is refused."""
    (folder / "tree" / "a" / "b" / "c" / "d").mkdir(parents=True)
    monkeypatch.setattr(tree, most, number)
    with pytest.raises(CopyError, match="copy an archive of it"):
        copied(folder / "tree", folder / "to")
    monkeypatch.setattr(landing, most, number)
    where = Landing(os.fsencode(folder / "there"), b"tree")
    with pytest.raises(ProtocolError, match="too many entries"):
        take(where, 0, [Entry(b"/".join([b"x"] * depth), "d", 0o755, 0) for depth in range(9)])
    where.close(keep=False)


DESTINATIONS = [  # what is there, source, destination, where it lands
    ([], "tree", "to", "to"),
    ([], "tree", "to/", "to/tree"),
    ([], "tree", "a/b/to", "a/b/to"),
    ([], "tree/.", "a/b/to", "a/b/to"),
    (["to/"], "tree", "to", "to/tree"),
    (["to/"], "tree", "to/.", "to/tree"),
    (["to/"], "tree/.", "to", "to"),
    (["to/tree/"], "tree", "to", "to/tree"),
    (["to/", "link>to"], "tree", "link", "to/tree"),
    ([], "file", "to", "to"),
    ([], "file", "to/", "to/file"),
    ([], "link-to-file", "to", "to"),
    ([], "link-to-tree", "to/", "to/link-to-tree"),
    (["to"], "file", "to", "to"),
    (["to/"], "file", "to", "to/file"),
    (["old", "to>old"], "file", "to", "to"),
    (["to>nothing"], "file", "to", "to"),
]


def arrange(folder: Path, things: list[str]) -> None:
    (folder / "tree").mkdir()
    (folder / "tree" / "inside").write_bytes(b"inside")
    (folder / "file").write_bytes(b"content")
    for thing in ["link-to-file>file", "link-to-tree>tree", *things]:
        name, link, target = thing.partition(">")
        if link:
            (folder / name).symlink_to(target)
        elif name.endswith("/"):
            (folder / name).mkdir(parents=True)
        else:
            (folder / name).write_bytes(b"old")


@pytest.mark.parametrize(("there", "source", "destination", "where"), DESTINATIONS)
def test_where_a_copy_lands(folder: Path, there: list[str], source: str, destination: str, where: str) -> None:
    """As with `cp -r`, but that folders are made and a link is replaced rather than written through."""
    arrange(folder, there)
    copied(f"{folder}/{source}", f"{folder}/{destination}")
    kind = "file" if "file" in source else "tree"
    assert not (folder / where).is_symlink()
    compared = slice(1, None) if source.endswith("/.") else slice(None)  # a folder that is not the copy's own keeps mode and time
    assert list(snapshot(folder / where).items())[compared] == list(snapshot(folder / kind).items())[compared]
    if "old" in there:
        assert (folder / "old").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("there", "source", "destination", "message"),
    [
        ([], "nothing", "to", "nothing: there is no such file or folder"),
        (["to/file/"], "file", "to", "to/file: is a folder there and none here; remove one of them"),
        (["to"], "tree", "to", "to: is no folder there, and a folder here; remove one of them"),
        (["to"], "tree", "to/", "to/: Not a directory"),
        (["to"], "file", "to/x", "to: Not a directory"),
        (["to/", "to/tree>."], "tree", "to", f"to/tree: {landing.IS_LINK_THERE}"),
        (["to>nothing"], "tree", "to", f"to: {landing.IS_LINK_THERE}"),
    ],
)
def test_a_copy_that_cannot_land_says_where(folder: Path, there: list[str], source: str, destination: str, message: str) -> None:
    """Neither a file takes the place of a folder nor the other way round."""
    arrange(folder, there)
    before = snapshot(folder)
    with pytest.raises(CopyError) as raised:
        copied(f"{folder}/{source}", f"{folder}/{destination}")
    assert f"{os.fsdecode(raised.value.path)}: {raised.value.why}" == f"{folder}/{message}"
    assert snapshot(folder) == before


def test_a_full_disk_leaves_nothing_half(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the file, and neither it nor a part of it stays."""
    (folder / "file").write_bytes(bytes(3 * CHUNK))

    def full(handle: int, data: bytes, offset: int, real: object = os.pwrite) -> int:
        if offset >= CHUNK:
            raise OSError(28, "No space left on device")
        return real(handle, data, offset)

    monkeypatch.setattr(landing.posix, "pwrite", full)
    copy = Copy(folder / "file", Landing(os.fsencode(folder / "to"), b"file"))
    with pytest.raises(CopyError, match="No space left on device"):
        copy.run()
    copy.landing.close(keep=False)
    assert [p.name for p in folder.iterdir()] == ["file"]


# -- senders that lie


def form(path: str, kind: str = "f", size: int = 1, target: str = "") -> list[object]:
    return [path, kind, 0o644, 0, size, target]


@pytest.mark.parametrize(
    "entry",
    [
        form("../x"),
        form("/etc/x"),
        form("a/../../x"),
        form("a//x"),
        form("a/./x"),
        form("a/"),
        form(".."),
        form("a\0b"),
        form("x" * 256),
        form("x", "c"),
        form("x", "l"),
        form("/".join(["x" * 200] * 30)),
        form("x", "l", target="a\0b"),
        form("x", size=-1),
        form("x", size=1 << 63),
        form("x", size=True),
        form("\ud800"),
        ["x", "f", 0o644, 1 << 63, 1, ""],
        ["x", "f", "rw", 0, 1, ""],
        ["x", "f"],
        [None] * 6,
        {"path": "x"},
        None,
    ],
    ids=repr,
)
def test_entries_that_nobody_honest_offers_are_refused(entry: object) -> None:
    """A path that leads out above all."""
    with pytest.raises(ProtocolError):
        Entry.read(entry)


def test_no_mode_gives_rights_that_only_the_system_gives() -> None:
    """Set-user-id, set-group-id and sticky bits do not travel."""
    assert Entry.read(["x", "f", 0o7755, 0, 1, ""]).mode == 0o755


LIES = {
    "a link, then a file behind it": [form("d", "l", target="/OUTSIDE"), form("d/x")],
    "a link, then a folder behind it": [form("d", "l", target="/OUTSIDE"), form("d/x", "d")],
    "a link up, then a link behind it": [form("d", "l", target=".."), form("d/x", "l", target="/etc")],
    "a link in the place of a folder": [form("d", "d"), form("d", "l", target="/OUTSIDE")],
    "a folder in the place of a link": [form("d", "l", target="/OUTSIDE"), form("d", "d")],
    "a file in a folder that was not offered": [form("missing/x")],
    "a second root": [form("", "d")],
    "a folder that is a file": [form("x"), form("x/y")],
    "a file twice": [form("x"), form("x")],
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_nothing_is_written_outside_the_destination(folder: Path, lie: list[list[object]]) -> None:
    """Links that came with the copy lead nowhere, and what no honest sender offers is the sender's fault, never the user's."""
    outside, inside = folder / "outside", folder / "inside"
    outside.mkdir()
    inside.mkdir()
    before = snapshot(outside)
    forms = [form("", "d", 0), *([*f[:5], str(f[5]).replace("/OUTSIDE", str(outside))] for f in lie)]
    where = Landing(os.fsencode(inside), b"copy")

    def lie_on() -> None:
        take(where, 0, [Entry.read(f) for f in forms])
        for index, entry in enumerate(forms):
            if entry[1] == "f":
                where.data([[index, 0, 1]], b"!")
        where.finish()

    with pytest.raises(ProtocolError):
        lie_on()
    where.close(keep=False)
    assert snapshot(outside) == before
    assert {p.name for p in folder.iterdir()} == {"outside", "inside"}
    assert {p.name for p in inside.iterdir()} == {"copy"}
    assert parts(folder) == []


ANY_PATH = st.lists(st.sampled_from(["a", "b", "c", "..", ".", "", "a/b"]), max_size=3).map("/".join)
ANY_FORM = st.tuples(ANY_PATH, st.sampled_from("fdls"), st.sampled_from([0o755, 0]), st.just(0), st.integers(0, 5), st.just("/OUTSIDE"))
ANY_PART = st.tuples(st.lists(st.tuples(*[st.integers(0, 6)] * 3).map(list), max_size=3), st.binary(max_size=9))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(ANY_FORM, max_size=4) | ANY_PART, max_size=6))
def test_whatever_a_sender_offers_stays_inside(talk: list[list[tuple[object, ...]] | tuple[object, bytes]]) -> None:
    """Any entries and parts in any order: they are refused, or land in the destination; nothing half is left, and no other error comes."""
    root = Path(tempfile.mkdtemp())
    outside, inside = root / "outside", root / "inside"
    outside.mkdir()
    where = Landing(os.fsencode(inside), b"copy")
    number = 1
    try:
        take(where, 0, [Entry.read(form("", "d", 0))])
        for said in talk:
            if isinstance(said, list):
                take(where, number, [Entry.read([*f[:5], str(outside)]) for f in said])
                number += len(said)
            else:
                where.data(*said)
        where.finish()
    except (CopyError, ProtocolError):
        pass
    finally:
        where.close(keep=False)
        left = list(outside.iterdir()), parts(root), {p.name for p in root.iterdir()}
        unlock(root)
        shutil.rmtree(root)
    assert left == ([], [], {"outside", "inside"})


@pytest.mark.parametrize(
    "data",
    [
        [([[1, 0, 1]], b"x")],
        [([[0, 0, 2]], b"x")],
        [([[0, 1, 1]], b"x")],
        [([[0, 0, 0]], b"")],
        [([[0, 0, 1]], b"x"), ([[0, 5, 0]], b"")],
        [([[0, 0, 5]], b"12345")],
        [([[0, 0, 1]], b"x"), ([[0, 2, 1]], b"x")],
        [([[0, 0, 2]], b"xx"), ([[0, 1, 1]], b"x")],
        [([[0, 0, 1]], b"x"), ([[0, 0, 1]], b"x")],
        [([[0, 0, 4]], b"xxxx"), ([[0, 0, 1]], b"x")],
        [([[0, 0, 1.0]], b"x")],
        [([[0, 0]], b"x")],
        [(None, b"x")],
        [],
    ],
    ids=repr,
)
def test_data_that_do_not_fit_are_refused(folder: Path, data: list[tuple[object, bytes]]) -> None:
    """Of another file, beyond the end, out of order, missing: there is never a file under the final name."""
    where = Landing(os.fsencode(folder / "to"), b"file")
    take(where, 0, [Entry(b"", "f", 0o644, 0, size=4)])

    def lie_on() -> None:
        for item, payload in data:
            where.data(item, payload)
        where.finish()

    with pytest.raises(ProtocolError):
        lie_on()
    where.close(keep=False)
    assert parts(folder) == []
    assert not (folder / "to").exists() or (folder / "to").read_bytes() == b"xxxx"


def test_a_file_never_grows_beyond_what_was_offered(folder: Path) -> None:
    """Too many bytes are refused before they are written."""
    where = Landing(os.fsencode(folder / "to"), b"file")
    take(where, 0, [Entry(b"", "f", 0o644, 0, size=4)])
    with pytest.raises(ProtocolError, match="data of 5 bytes for a file of 4"):
        where.data([[0, 0, 5]], b"12345")
    where.close(keep=False)
    assert list(folder.iterdir()) == []


# -- the command line


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (("data", "all"), CopyOrder("all", "data", "", outwards=True)),
        (("data", "all:"), CopyOrder("all", "data", "", outwards=True)),
        (("data", "[0:2]"), CopyOrder("[0:2]", "data", "", outwards=True)),
        (("data", "servers[0:2]:~/x:y"), CopyOrder("servers[0:2]", "data", "~/x:y", outwards=True)),
        (("./a:b", "all!m1:/data/"), CopyOrder("all!m1", "./a:b", "/data/", outwards=True)),
        (("m1:", "."), CopyOrder("m1", "", ".", outwards=False)),
        (("[1]:a b\nc", "./x:y"), CopyOrder("[1]", "a b\nc", "./x:y", outwards=False)),
    ],
)
def test_which_side_is_on_machines(words: tuple[str, str], order: CopyOrder) -> None:
    """The colon outside brackets and before any slash decides."""
    assert read_order(*words) == order


def test_a_copy_between_machines_is_refused() -> None:
    """With a hint how to write a local name that has a colon."""
    with pytest.raises(InputError, match=r"both on machines.*\n.*\./NAME"):
        read_order("m1:x", "m2:y")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("data", "data"),
        ("a/b/", "b"),
        ("data/.", ""),
        ("..", ""),
        (".", ""),
        ("/", ""),
        ("~", ""),
        ("~/x", "x"),
        ("", ""),
        ("a\nb", "a\nb"),
    ],
)
def test_the_name_under_which_a_source_lands(path: str, name: str) -> None:
    """The last part of its path, or none when what is in it is meant."""
    assert base_name(path.encode()) == name.encode()


@pytest.mark.parametrize(
    ("path", "kind", "patterns", "kept"),
    [
        (b"out/a.log", FILE, [b"out/*.log"], True),
        (b"out", FOLDER, [b"out/*.log"], True),
        (b"out", FILE, [b"out/*.log"], False),
        (b"out/deep", FOLDER, [b"out/*.log"], False),
        (b"out/deep/c.log", FILE, [b"out/*.log"], False),
        (b"out/deep/c.log", FILE, [b"data", b"out"], True),
        (b"outer", FILE, [b"out"], False),
        (b"run[1].log", FILE, [b"run[[]1].l*"], True),
        (b"run1.log", FILE, [b"run[0-9].log"], True),
    ],
)
def test_what_patterns_keep_of_a_folder(path: bytes, kind: str, patterns: list[bytes], kept: bool) -> None:  # noqa: FBT001 - a table
    """Part by part; what leads to a match or lies in one is kept, too."""
    entry = Entry(path, kind, 0o644, 0)
    assert wanted(entry, [pattern.split(b"/") for pattern in patterns]) is kept


def test_a_source_is_walked_once_and_its_files_are_opened_once_for_all_machines(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three machines that have all files but one: each file is opened once to be compared, and once more where it is sent."""
    source = folder / "source"
    source.mkdir()
    for number in range(3):
        (source / f"file{number}").write_bytes(b"x" * (number + 1))
    for number in range(3):
        shutil.copytree(source, folder / f"m{number}")
    (folder / "m1" / "file2").write_bytes(b"yyy")
    opened, listed = [], []
    real_open, real_list = os.open, tree.posix.listdir
    for module in (tree.posix, os):
        monkeypatch.setattr(module, "open", lambda path, *rest, **more: (opened.append(path), real_open(path, *rest, **more))[1])
        monkeypatch.setattr(module, "listdir", lambda path, *rest: (listed.append(path), real_list(path, *rest))[1])
    shared = SharedSource(source, 3)
    copies = [Copy(source, Landing(os.fsencode(folder / f"m{number}"), b"")) for number in range(3)]
    for each in copies:
        each.sender = OneOfMany(shared, each._tell)
        each.run()
    ours = [os.fsdecode(path).rpartition("/")[2] for path in opened if os.fsdecode(path).startswith(str(source))]
    assert sorted(ours) == ["file0", "file1", "file2", "file2"]
    assert [os.fsdecode(path) for path in listed if os.fsdecode(path) == str(source)] == [str(source)]
    assert [(each.sender.files, each.sender.unchanged, each.sender.size) for each in copies] == [(3, 3, 0), (3, 2, 3), (3, 3, 0)]
    assert all((folder / f"m{number}" / "file2").read_bytes() == b"xxx" for number in range(3))


def test_a_walk_that_fails_fails_for_every_machine(folder: Path) -> None:
    """Also for the machines that are behind: none of them takes the copy for complete."""
    shared = SharedSource(folder / "nothing", 2)
    for _ in range(2):
        with pytest.raises(CopyError, match="no such file"):
            list(shared.batches())


def test_a_file_that_changes_after_the_walk_is_sent_as_it_is(folder: Path) -> None:
    """What was found by the walk is compared with what is there: the digest of an old content counts for nothing."""
    source = folder / "source"
    source.mkdir()
    (source / "file").write_bytes(b"old")
    os.utime(source / "file", ns=(1, 1))
    shutil.copytree(source, folder / "m")
    copy = Copy(source, Landing(os.fsencode(folder / "m"), b""))
    copy.sender = OneOfMany(SharedSource(source), copy._tell)
    walked = copy.sender.batches()
    batches = list(walked)
    copy.sender.batches = lambda: iter(batches)
    (source / "file").write_bytes(b"new")
    copy.run()
    assert (folder / "m" / "file").read_bytes() == b"new"
