"""Random SIGKILLs over one suite, of whole machines too, and that the counting can fail."""

from __future__ import annotations

import random
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from tests.storm import Count, Place, compare, left_behind, run

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc"),
]


@pytest.mark.parametrize(
    ("kills", "size"),
    [
        (4, {"questions": 12, "shard": 5}),
        pytest.param(100, {}, marks=[pytest.mark.long, pytest.mark.timeout(5400)]),
    ],
)
def test_a_storm_loses_nothing(kills: int, size: dict[str, int], tmp_path: Path) -> None:
    count = run(tmp_path / "storm", kills, seed=random.randrange(1000), **size)
    assert count.killed.total() == kills
    assert count.samples >= 4 * size.get("questions", 250)
    assert count.clean, str(count)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed")
def test_a_storm_over_a_cluster_loses_nothing(tmp_path: Path) -> None:
    """A node among the killed, with its worker and engine; another comes in its place."""
    count = run(tmp_path / "storm", 8, random.randrange(1000), ray=True, questions=60, shard=25)
    assert count.killed.total() == 8
    assert count.samples >= 4 * 60
    assert count.clean, str(count)


def test_what_a_storm_would_have_cost_is_counted(tmp_path: Path) -> None:
    """A run that lost a sample, has one twice, another value, and files that are left."""
    place = Place((tmp_path / "storm").resolve(), questions=3, tokens=4, shard=2)
    with place.start("calm") as driver:
        pass
    assert driver.returncode == 0
    calm, other = place.run_dir("calm"), tmp_path / "other"
    shutil.copytree(calm, other)
    count = Count()
    compare(other, calm, count)
    assert count.clean
    assert count.samples == place.samples == 12
    table = pl.read_parquet(other / "samples.parquet")
    bad = pl.concat([table[1:], table[2:3]]).with_columns(
        score=pl.when(pl.int_range(pl.len()) == 5).then(1 - pl.col("score")).otherwise("score")
    )
    bad.write_parquet(other / "samples.parquet")
    compare(other, calm, count)
    assert (count.lost, count.twice, count.changed) == (1, 1, 1)
    log = next(other.glob("cells/**/*.eval"))
    shutil.copy(log, log.with_name("0.eval"))
    (other / ".cell.json.17").write_text("")
    (place.folder / "scratch" / "distilbench-x").mkdir()
    found = left_behind(other, calm, place.folder / "scratch", str(place.folder))
    assert [one.rpartition("/")[2] for one in found] == [".cell.json.17", "logs: 2 logs",
                                                        "distilbench-x"]  # fmt: skip
    compare(other, calm, count)
    assert count.twice > 2
