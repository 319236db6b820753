"""Rendered configuration: what placeholders mean, what stays as it is, where files land, and what is refused."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wke.describe.cluster.cluster import ClusterSpec, read_cluster
from wke.describe.cluster.selector import select
from wke.describe.configuration.copies import read_copy
from wke.describe.experiment.verdictfile import ConfigurationRule
from wke.describe.plan.rendering import rendered
from wke.errors import InputError
from wke.judge.verdicts.configuration import judge_configuration
from wke.judge.verdicts.words import sentence
from wke.keep.output.configuration import ChangedFile, ConfigurationCheck, read_check, write_check
from wke.keep.trials.judgements import Level

CLUSTER = """
[cluster]
workdir = "work"
[machines]
"s[0-2]" = ["public-[0-2]", "10.0.0.[10-12]"]
c0 = "10.0.0.20"
[classes]
servers = ["s[0-2]"]
clients = ["c0"]
none = 0
"""
POINT = {"replicas": 3, "memory": 2.5, "fsync": True, "mode": "fast", "size-mb": 64}


@pytest.fixture
def cluster(tmp_path: Path) -> ClusterSpec:
    """Return a cluster of three servers and a client."""
    (tmp_path / "cluster.toml").write_text(CLUSTER)
    return read_cluster(tmp_path / "cluster.toml")


def files_of(cluster: ClusterSpec, source: str, destination: str = "etc/app.conf", on: str = "servers") -> dict[tuple[str, str], str]:
    """Return the content of each file by where it is, on which machine."""
    copy = read_copy({"source": source, "destination": destination, "render": True}, cluster.workdir)
    done = rendered(copy, select(cluster, on), POINT, cluster)
    return {(file.path, name): file.content.decode("utf-8", "surrogateescape") for file in done.rendered for name in file.machines}


def filled(cluster: ClusterSpec, folder: Path, text: str, on: str = "servers") -> list[str]:
    """Return what a text becomes on each machine."""
    (folder / "app.conf").write_text(text)
    return list(files_of(cluster, str(folder / "app.conf"), on=on).values())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("port ${wke:replicas}", ["port 3"] * 3),
        ("${wke: memory }/${wke:mode}/${wke:size-mb}", ["2.5/fast/64"] * 3),
        ("${wke:fsync}", ["true"] * 3),
        ("${wke:replicas + 1}", ["4"] * 3),
        ("${wke:replicas * servers.count}", ["9"] * 3),
        ("${wke:servers.internal-addr} ${wke:clients.name}", ["10.0.0.10,10.0.0.11,10.0.0.12 c0"] * 3),
        ("${wke:servers[0].external-addr}", ["public-0"] * 3),
        ("${wke:@NAME} ${wke:@INTERNAL} ${wke:@EXTERNAL}", [f"s{n} 10.0.0.1{n} public-{n}" for n in range(3)]),
        ("id=${wke:@GROUP_INDEX + 1}/${wke:@GROUP_SIZE}", ["id=1/3", "id=2/3", "id=3/3"]),
        (
            "peers = ${wke:for servers: @NAME=http://@INTERNAL:2380}",
            ["peers = " + ",".join(f"s{n}=http://10.0.0.1{n}:2380" for n in range(3))] * 3,
        ),
        (
            "a\n  ${wke:for servers[1:3]: server.@GROUP_INDEX=@INTERNAL:2888}\nb",
            ["a\n  server.0=10.0.0.11:2888\n  server.1=10.0.0.12:2888\nb"] * 3,
        ),
        ("x${wke:for none: @NAME}y", ["xy"] * 3),
        ("$${wke:replicas} $$${wke:replicas}", ["${wke:replicas} $${wke:replicas}"] * 3),
    ],
)
def test_what_placeholders_mean(cluster: ClusterSpec, tmp_path: Path, text: str, expected: list[str]) -> None:
    """Parameters, calculations, facts, macros of the machine, and a text for each machine of a selector."""
    assert filled(cluster, tmp_path, text) == expected


def test_files_of_other_formats_need_no_care(cluster: ClusterSpec, tmp_path: Path) -> None:
    """JSON, YAML, nginx, shell and templates of other tools keep each byte that is no placeholder of ours."""
    kept = [
        '{"a": {"b": [1, {}]}, "c": "${HOME}", "d": "{replicas}"}',
        "a: {b: c}\nd: '{{ jinja }}'\n",
        "server { listen 80; location / { proxy_pass http://$backend; } }",
        "x=${y:-${z}}; awk '{print $1}' # $$ {{.Values.wke}} ${wke} %{wke:x}",
        "line\r\nends\r\n\ttabs  \n\n",
    ]
    for text in kept:
        assert filled(cluster, tmp_path, text) == [text] * 3
    (text, *_) = filled(cluster, tmp_path, '{"replicas": ${wke:replicas}, "fsync": ${wke:fsync}, "m": {"n": "${wke:mode}"}}')
    assert json.loads(text) == {"replicas": 3, "fsync": True, "m": {"n": "fast"}}


@given(st.text(st.characters(codec="utf-8")).filter(lambda text: "${wke:" not in text))
def test_what_is_no_placeholder_stays(text: str) -> None:
    """Whatever a file has."""
    import tempfile  # noqa: PLC0415 - fixtures are not made anew for each example

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "cluster.toml").write_text(CLUSTER)
        found = read_cluster(Path(folder) / "cluster.toml")
        (Path(folder) / "app.conf").write_bytes(text.encode())
        copy = read_copy({"source": f"{folder}/app.conf", "render": True})
        (file,) = rendered(copy, select(found, "servers"), POINT, found).rendered
    assert file.content == text.encode()


def test_machines_with_the_same_file_share_it(cluster: ClusterSpec, tmp_path: Path) -> None:
    """A file is there once for all machines, unless it names the machine."""
    (tmp_path / "app.conf").write_text("${wke:replicas} ${wke:for servers: @NAME}")
    copy = read_copy({"source": str(tmp_path / "app.conf"), "destination": "x", "render": True})
    (file,) = rendered(copy, select(cluster, "servers"), POINT, cluster).rendered
    assert file.machines == ("s0", "s1", "s2")
    assert len(file.digest) == 64


@pytest.mark.parametrize(
    ("source", "destination", "landed"),
    [
        ("app.conf", "etc/my.conf", ["work/etc/my.conf"]),
        ("app.conf", "etc/", ["work/etc/app.conf"]),
        ("app.conf", "", ["work/app.conf"]),
        ("app.conf", "/etc/my.conf", ["/etc/my.conf"]),
        ("app.conf", "/", ["/app.conf"]),
        ("conf", "etc", ["work/etc/a.conf", "work/etc/sub/b.conf"]),
        ("conf", "etc/", ["work/etc/conf/a.conf", "work/etc/conf/sub/b.conf"]),
        ("conf/.", "/etc/", ["/etc/a.conf", "/etc/sub/b.conf"]),
    ],
)
def test_where_files_land(cluster: ClusterSpec, tmp_path: Path, source: str, destination: str, landed: list[str]) -> None:
    """A destination is what the source becomes; one that ends with a slash is the folder around it. That does not depend on the machine."""
    for name in ("app.conf", "conf/a.conf", "conf/sub/b.conf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert sorted({path for path, _ in files_of(cluster, f"{tmp_path}/{source}", destination)}) == landed


def test_what_is_no_text_is_deployed_as_it_is(cluster: ClusterSpec, tmp_path: Path) -> None:
    """A key store beside the configuration keeps its bytes, and permissions are kept."""
    (tmp_path / "app.conf").write_bytes(b"\xff\x00${wke:replicas}")
    (tmp_path / "app.conf").chmod(0o640)
    copy = read_copy({"source": str(tmp_path / "app.conf"), "destination": "x", "render": True})
    (file,) = rendered(copy, select(cluster, "servers"), POINT, cluster).rendered
    assert (file.content, file.mode) == (b"\xff\x00${wke:replicas}", 0o640)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\nb ${wke:replica}\n", ':2: there is no parameter "replica"\n  hint: did you mean "replicas"?; $${wke: is a literal ${wke:'),
        ("${wke:}", ":1: has ${wke:}, which names nothing\n  hint: a parameter, SELECTOR.internal-addr or a macro (@GROUP_INDEX"),
        ("a\n\n${wke:replicas\n}", ":3: has a ${wke: without its }"),
        ('${wke:{"a": 1}}', ":1: has a ${wke: without its }"),
        ("${wke:@NAMES}", ":1: there is no macro @NAMES\n  hint: did you mean"),
        ("${wke:servers.address}", ':1: {servers.address} asks for "address", which machines do not have'),
        ("${wke:server.name}", ':1: selector "server" names "server", which is neither a machine nor a class'),
        ("${wke:for server: @NAME}", ':1: selector "server" names'),
        ("${wke:for servers: @NAM}", ":1: there is no macro @NAM"),
        ("${wke:@USERNAME}", ":1: asks for @USERNAME, which is not known before wke connects\n  hint: write username in cluster.toml"),
        ("${wke:mode + 1}", ":1: {mode + 1}: "),
    ],
)
def test_mistakes_are_told_with_their_line(cluster: ClusterSpec, tmp_path: Path, text: str, words: str) -> None:
    """Each with the file of the template, its line, and what to do; all of a file at once."""
    with pytest.raises(InputError) as caught:
        filled(cluster, tmp_path, text)
    assert f"{tmp_path / 'app.conf'}{words}" in str(caught.value)
    assert "hint: " in str(caught.value)
    with pytest.raises(InputError) as caught:
        filled(cluster, tmp_path, f"{text}\n${{wke:nothing}}")
    assert len(caught.value.problems) == 2


def test_what_cannot_be_rendered_is_refused(cluster: ClusterSpec, tmp_path: Path) -> None:
    """Links, and files that are no configuration."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "link").symlink_to("nowhere")
    with pytest.raises(InputError, match="conf/link is no file, and cannot be rendered"):
        files_of(cluster, str(tmp_path / "conf"))
    (tmp_path / "large").write_bytes(b"x" * (1 << 20) + b"x")
    with pytest.raises(InputError, match="large: is larger than 1 MiB, and cannot be rendered"):
        files_of(cluster, str(tmp_path / "large"))


@pytest.mark.parametrize(
    ("check", "level", "said"),
    [
        (ConfigurationCheck(1), Level.OK, "1 rendered file was as deployed to the end"),
        (ConfigurationCheck(6), Level.OK, "6 rendered files were as deployed to the end"),
        (
            ConfigurationCheck(3, (ChangedFile("m1", "etc/x"), ChangedFile("m2", "etc/x"))),
            Level.SUSPECT,
            "etc/x on m1 was not what had been deployed when the measured step had ended; 1 more is as bad",
        ),
        (
            ConfigurationCheck(3, (ChangedFile("m1", "x", "it is gone"),)),
            Level.SUSPECT,
            "x on m1 (it is gone) was not what had been deployed when the measured step had ended",
        ),
    ],
)
def test_a_changed_file_is_suspect(tmp_path: Path, check: ConfigurationCheck, level: Level, said: str) -> None:
    """What was found is kept in the attempt's folder, and judged from there."""
    assert read_check(tmp_path) is None
    write_check(tmp_path, check)
    ruling = judge_configuration(read_check(tmp_path), ConfigurationRule())
    assert (ruling.level, sentence("configuration", ruling)) == (level, said)


def test_the_option_is_true_or_false(tmp_path: Path) -> None:
    """A text that only looks like it is refused."""
    (tmp_path / "a").write_text("")
    options: Mapping[str, object] = {"source": str(tmp_path / "a"), "render": "yes"}
    with pytest.raises(InputError, match='option "render" must be true or false, not the text "yes"'):
        read_copy(options)
