"""Whether trials outlive their command: asked for, forbidden, or asked for by a long lease; and for how long."""

from pathlib import Path

import pytest

from wke.describe.cluster.cluster import read_cluster
from wke.errors import InputError, Location
from wke.series.detached import Detaching, detachment


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
    chosen = detachment(read_cluster(file), wanted=wanted).detachment
    assert (None if chosen is None else chosen.lease_s) == lasts_s
    assert chosen is None or chosen.leaves


def test_a_shared_deployment_is_not_detached(tmp_path: Path) -> None:
    """Asked for, it is refused where the scope stands; a long lease alone is told of and does not count."""
    file = tmp_path / "cluster.toml"
    file.write_text('[cluster]\nmachines = 1\nlease = "2h"\n')
    cluster, scoped = read_cluster(file), Location("x.toml", 7, key="steps[0].scope")
    with pytest.raises(InputError, match=r"x.toml:7: steps\[0\].scope: trials that share a deployment cannot be detached"):
        detachment(cluster, wanted=True, scoped=scoped)
    refused = detachment(cluster, wanted=None, scoped=scoped)
    assert refused.detachment is None
    assert refused.note.startswith("not detached, although the lease is long")
    assert detachment(cluster, wanted=False, scoped=scoped) == Detaching(None)
