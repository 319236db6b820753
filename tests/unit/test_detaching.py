"""Whether trials outlive their command: asked for, forbidden, or asked for by a long lease; and for how long."""

from pathlib import Path

import pytest

from wke.cli.detaching import detachment
from wke.describe.cluster import read_cluster


@pytest.mark.parametrize(
    ("lease", "wanted", "lasts_s"),
    [
        (None, None, None),
        (None, True, 7200),
        (None, False, None),
        ("30s", None, None),
        ("30s", True, 30),
        ("299s", None, None),
        ("5min", None, 300),
        ("2h", None, 7200),
        ("2h", False, None),
        ("3h", True, 10800),
    ],
)
def test_who_detaches(tmp_path: Path, lease: str | None, wanted: bool | None, lasts_s: float | None) -> None:  # noqa: FBT001 - a table
    """The flag decides; without it a lease of five minutes does. A lease that is given is for how long, else it is two hours."""
    file = tmp_path / "cluster.toml"
    file.write_text("[cluster]\nmachines = 1\n" + (f'lease = "{lease}"\n' if lease else ""))
    chosen = detachment(read_cluster(file), wanted=wanted)
    assert (None if chosen is None else chosen.lease_s) == lasts_s
    assert chosen is None or chosen.leaves
