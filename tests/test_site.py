"""A leaderboard as a folder of static files, and the folder of results that others append to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from huggingface_hub import DatasetCard
from playwright.sync_api import Browser

from distilbench.errors import InputError
from distilbench.publish import SCHEMA, append_run, read_results_folder, write_site
from tests.hub_runs import answers, hub_run
from tests.made_run import Answer
from tests.test_report_browser import opened

PI = "Cortex-A76, 4 of 4 cores, 8.0 GiB, Linux-6.6"
SERVER = "AMD EPYC 7B13, 2 of 2 cores, 16.0 GiB, Linux-6.6"


def measured(folder: Path, name: str, right: int, hardware: str = PI, second: float = 1) -> Path:
    given = {("small", "sums"): answers(right, 20, second)}
    return hub_run(folder / name, given, name=name, record={"hardware": hardware})


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured(tmp_path_factory.mktemp("site"), "pi", 12)


@pytest.fixture
def pool(run: Path, tmp_path: Path) -> Path:
    append_run(run, tmp_path / "pool", "ann")
    return tmp_path / "pool"


def test_results_are_appended_a_file_for_a_run(pool: Path, run: Path, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in pool.rglob("*") if path.is_file()}
    other = measured(tmp_path, "server", 15, SERVER, 2)
    file = append_run(other, pool, "bob")
    assert file.parent == pool / "results" / f"schema={SCHEMA}" / "contributor=bob"
    assert all(path.read_bytes() == content for path, content in before.items())
    append_run(other, pool, "bob")  # again: its own file, no second row
    rows = read_results_folder(pool).sort("contributor")
    assert rows.select("contributor", "model", "accuracy", "hardware").rows() == [
        ("ann", "small", 0.6, PI),
        ("bob", "small", 0.75, SERVER),
    ]
    assert rows["n_questions"].to_list() == [20, 20]
    assert rows["peak_memory_bytes"].to_list() == [300 << 20] * 2
    assert rows["energy_j"].to_list() == [None, None]


def test_other_tools_read_the_folder(pool: Path) -> None:
    """Hive's layout, by Polars; and the card, by the hub's own class."""
    hive = pl.scan_parquet(pool / "results", hive_partitioning=True).collect()
    assert hive["contributor"].to_list() == ["ann"]
    assert hive["schema"].to_list() == [SCHEMA]
    card = DatasetCard((pool / "README.md").read_text())
    (config,) = card.data.to_dict()["configs"]
    assert config["data_files"] == "results/**/*.parquet"
    assert len(list(pool.glob(config["data_files"]))) == 1
    assert "| `accuracy` | Float64 |" in card.text


def changed(**values: object) -> Callable[[pl.DataFrame], pl.DataFrame]:
    return lambda rows: rows.with_columns(
        pl.lit(value).cast(rows.schema[name]).alias(name) for name, value in values.items()
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (changed(accuracy=60.0, high=70.0), "accuracy 60 with the interval"),
        (changed(low=0.7), "is none of shares"),
        (changed(accuracy=float("nan")), "is none of shares"),
        (changed(contributor="eve"), "its contributor is eve"),
        (changed(schema_version=2), "its schema_version is 2"),
        (changed(n_questions=0), "n_questions is 0"),
        (changed(n_questions=20, all_questions=10), "n_questions is 20, of 10"),
        (changed(task=None), "task is not there"),
        (changed(flops=-1.0), "flops is -1.0"),
        (changed(ttft_median_s=float("nan")), "ttft_median_s is nan"),
        (changed(role="best"), "role is 'best', none of: vanilla"),
        (changed(creation_lineage_flops=1e20), "without its bound"),
        (changed(creation_lineage_flops=1e20, creation_lineage_bound="?"), "is '?', none of: ="),
        (lambda rows: rows.drop("hardware"), "column 'hardware': is not there"),
        (lambda rows: rows.cast({"accuracy": pl.String}), "'accuracy': is String"),
        (lambda rows: pl.concat([rows, rows]), "repeats a row"),
    ],
)  # fmt: skip
def test_a_row_that_cannot_be_is_refused(
    change: Callable[[pl.DataFrame], pl.DataFrame], said: str, pool: Path
) -> None:
    (file,) = pool.rglob("*.parquet")
    change(pl.read_parquet(file)).write_parquet(file)
    with pytest.raises(InputError) as caught:
        read_results_folder(pool)
    assert said in str(caught.value)
    assert file.name in str(caught.value)


def test_a_newer_schema_and_a_copied_file_are_refused(pool: Path) -> None:
    (file,) = pool.rglob("*.parquet")
    copy = file.with_name("again.parquet")
    copy.write_bytes(file.read_bytes())
    with pytest.raises(InputError, match="repeats a row of"):
        read_results_folder(pool)
    copy.unlink()
    newer = pool / "results" / f"schema={SCHEMA + 1}" / "contributor=ann"
    newer.mkdir(parents=True)
    file.rename(newer / file.name)
    with pytest.raises(InputError, match=r"is of schema 2, and 1 is known here; update"):
        read_results_folder(pool)


def test_what_is_not_whole_is_not_appended(run: Path, tmp_path: Path) -> None:
    failed = {("small", "sums"): [*answers(3, 3), Answer(None, False)]}
    with pytest.raises(InputError, match="1 of 4 questions failed"):
        append_run(hub_run(tmp_path / "f", failed), tmp_path / "pool", "ann")
    open_ = {("small", "sums"): answers(3, 4), ("small", "more"): answers(1, 2)}
    with pytest.raises(InputError, match="cells are not finished"):
        append_run(hub_run(tmp_path / "o", open_), tmp_path / "pool", "ann")
    assert not (tmp_path / "pool").exists()
    for name in ("", "../up", "a/b", "a b"):
        with pytest.raises(InputError, match="cannot be a folder's name"):
            append_run(run, tmp_path / "pool", name)
    with pytest.raises(InputError, match="holds something else"):
        append_run(run, run, "ann")


def test_a_site_of_results_alone(pool: Path, tmp_path: Path) -> None:
    page = write_site([], [pool], tmp_path / "site", "Ours & <theirs>")
    text = page.read_text("utf-8")
    assert "<title>Ours &amp; &lt;theirs&gt;</title>" in text
    assert 'content="default-src &#39;none&#39;;' in text
    assert not re.search(r"""(src|href)=["']?https?:""", text.partition("<script>")[0])
    (row,) = json.loads((tmp_path / "site" / "data" / "results.json").read_text())
    assert (row["accuracy"], row["contributor"], row["hardware"]) == (0.6, "ann", PI)
    table = pl.read_parquet(tmp_path / "site" / "data" / "results.parquet")
    assert table.to_dicts() == [row]
    write_site([], [pool], tmp_path / "site", "again")  # a site is written anew
    with pytest.raises(InputError, match="holds something that is no site"):
        write_site([], [pool], pool, "over it")


def test_a_run_and_what_was_appended_of_it_is_one_row(
    run: Path, pool: Path, tmp_path: Path
) -> None:
    old = tmp_path / "site" / "runs" / "gone"
    write_site([], [pool], tmp_path / "site", "t")
    old.mkdir(parents=True)
    page = write_site([("pi", run)], [pool], tmp_path / "site", "t")
    assert len(json.loads((tmp_path / "site" / "data" / "results.json").read_text())) == 1
    assert not old.exists()
    assert 'href="runs/pi/index.html"' in page.read_text("utf-8")
    shown = (tmp_path / "site" / "runs" / "pi" / "report.md").read_text()
    assert "## Results" in shown
    for hidden in ("## Questions", "What is 3 + 3?"):
        assert hidden not in shown
    assert not list((tmp_path / "site" / "runs").rglob("*.parquet"))
    assert "What is 3 + 3?" not in (tmp_path / "site" / "runs" / "pi" / "index.html").read_text()


@pytest.fixture(scope="module")
def of_five(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("five")
    runs = []
    for n, hardware in enumerate((PI, SERVER, PI, SERVER, PI)):
        given = {
            (model, "sums"): answers(10 + n + more, 30, 1 + n + more)
            for model, more in (("small", 0), ("large", 9))
        }
        name = f"run-{n}"
        runs.append((name, hub_run(folder / name, given, name=name, record={"hardware": hardware})))
    return write_site(runs, [], folder / "site", "Five runs")


@pytest.mark.long
@pytest.mark.browser
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_five_runs_open_in_a_browser_without_a_network(
    browser: Browser, of_five: Path, width: int, scheme: str
) -> None:
    page, troubles = opened(browser, of_five, width, scheme)
    rows = page.locator("#every-result tbody tr")
    assert rows.count() == 10
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    page.locator("#every-result a", has_text="run-3").first.click()
    page.wait_for_url("**/runs/run-3/index.html")
    page.get_by_role("link", name="Leaderboard").click()
    page.wait_for_url("**/site/index.html")
    assert troubles == []
    page.close()
