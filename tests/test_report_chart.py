"""The chart with controls: every score and cost, what rests on the reader's word, vanilla curves.
Right values are counted here from the samples."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from playwright.sync_api import Browser, Page

from distilbench.catalog import load_catalog
from distilbench.compute import scope_cost
from distilbench.records import CellRecord, frame
from distilbench.report import read_run, write_report
from distilbench.report.run._energy import energy
from distilbench.report.run._explorer import explorer
from distilbench.report.run._measures import measured
from distilbench.stats import bootstrap, frontier_probability
from tests.made_runs import made_run, marks
from tests.test_report import cell, make_run, sample
from tests.test_report_browser import WAIT_MS, opened, overlapping, wait_until

pytestmark = pytest.mark.browser
# Right answers out of 10 on each task, and weights.
MODELS = {
    "qwen2.5-0.5b": (2, 494e6),
    "qwen2.5-1.5b": (3, 1.54e9),
    "qwen2.5-3b": (5, 3.09e9),
    "qwen2.5-7b": (7, 7.6e9),
    "deepseek-r1-distill-qwen-1.5b": (5, 1.78e9),
    "gpt-4o-mini": (8, None),
}
TASKS = ("sums", "logic")
FRANCE = 56
H100_AT_40_PERCENT = 9.894e14 * 0.4


def rows(models: dict[str, tuple[int, float | None]]) -> list[dict[str, Any]]:
    """20 questions a task, two answers each; tokens and luck that differ from answer to answer."""
    return [
        sample(
            model,
            task,
            n,
            (7 * n + 5 * epoch + 3 * place + len(task)) % 10 < right,
            epoch=epoch,
            output_tokens=1 + (37 * n + 61 * epoch + 11 * place) % 200,
            flops=None if size is None else 200 * size,
            energy_j=None if size is None else size / 1e9,
            total_s=0.1 + n / 10,
        )
        for place, (model, (right, size)) in enumerate(models.items())
        for task in TASKS
        for n in range(20)
        for epoch in (1, 2)
    ]


def made(folder: Path, models: dict[str, tuple[int, float | None]], **more: Any) -> Path:
    run = make_run(folder, rows(models))
    cells = [
        cell(model, task)
        | {
            "role": None,
            "card": model,
            "epochs": 2,
            "parameters": size and int(size),
            "peak_memory_bytes": size and int(size),
            "energy_total_j": 1.0,
            "energy_known": "measured",
        }
        | more
        for model, (_, size) in models.items()
        for task in TASKS
    ]
    frame(cells, CellRecord).write_parquet(run / "cells.parquet")
    return write_report(run)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("chart"), MODELS)


@pytest.fixture(scope="module")
def page(browser: Browser, report: Path) -> Iterator[Page]:
    made, troubles = opened(browser, report, 1400, "light")
    made.locator(".explored svg").wait_for(timeout=WAIT_MS)
    yield made
    assert [said for said in troubles if "Infinite extent" not in said] == []
    made.close()


@pytest.fixture(autouse=True)
def _cleared(request: pytest.FixtureRequest) -> None:
    """The page as it was opened."""
    if "page" in request.fixturenames:
        request.getfixturevalue("page").evaluate(
            "location.hash = '#view?x=flops&y=mean&log=1&grid='"
        )
        request.getfixturevalue("page").locator(".explorer button[type=reset]").click()


def data_of(report: Path) -> dict[str, Any]:
    html = report.read_text()
    found: dict[str, Any] = json.loads(html.split('id="data-any-cost">')[1].split("</script>")[0])
    return found


def shown(page: Page, x: str, y: str) -> dict[str, list[str]]:
    """The rows of the table beside the chart, by model."""
    page.locator("select[name=x]").select_option(x)
    page.locator("select[name=y]").select_option(y)
    lines: list[list[str]] = page.evaluate(
        "[...document.querySelectorAll('table.drawn tbody tr')]"
        ".map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return {line[0]: line[1:] for line in lines}


def samples_of(report: Path) -> pl.DataFrame:
    return pl.read_parquet(report.parent / "samples.parquet")


def score(text: str) -> float:
    return float(text.split("%")[0])


def test_pass_at_2_is_the_share_of_questions_with_a_right_answer(page: Page, report: Path) -> None:
    right = samples_of(report).group_by("model", "task", "sample_id").agg(pl.col("score").max())
    wanted = right.group_by("model", "task").agg(pl.col("score").mean())
    found = shown(page, "flops", "pass@2")
    for model in MODELS:
        mine = wanted.filter(pl.col("model") == model)["score"].mean()
        assert score(found[model][1]) == pytest.approx(100 * mine, abs=0.051)
    tiny = found["qwen2.5-0.5b"]
    assert tiny[2] == "1.98e11".replace("e11", "e11")  # two answers of 200 x 494e6
    assert "of 2 answers" in tiny[3]


def test_within_a_budget_longer_answers_are_wrong(page: Page, report: Path) -> None:
    samples = samples_of(report)
    keys = [m["key"] for m in data_of(report)["measures"] if m["budget"]]
    assert keys
    budget = int(keys[-1].split()[1])
    cut = samples.with_columns(
        score=pl.col("score") * (pl.col("output_tokens") <= budget),
        output_tokens=pl.min_horizontal("output_tokens", pl.lit(budget)),
    )
    found = shown(page, "output_tokens", keys[-1])
    for model in MODELS:
        mine = cut.filter(pl.col("model") == model)
        assert score(found[model][1]) == pytest.approx(100 * mine["score"].mean(), abs=0.051)
        assert float(found[model][2]) == pytest.approx(mine["output_tokens"].mean(), rel=0.01)
    assert "not cut" in shown(page, "flops", keys[-1])["qwen2.5-3b"][3]


def test_costs_beside_a_single_task_are_said_to_be_of_all(page: Page) -> None:
    """Both tasks were asked; what one took by itself is not in the page."""
    for task in TASKS:
        assert shown(page, "flops", f"task {task}")["qwen2.5-3b"][3].endswith("; over all tasks")
        title = "[...document.querySelectorAll('.explored svg text')].map(one => one.textContent)"
        wait_until(page, f"{title}.includes('inference FLOPs a question, over all tasks')")
        assert "all tasks" not in shown(page, "parameters", f"task {task}")["qwen2.5-3b"][3]
    assert "all tasks" not in shown(page, "flops", "mean")["qwen2.5-3b"][3]


def test_co2e_rests_on_the_electricity_that_is_stated(page: Page) -> None:
    assert shown(page, "co2e_g", "mean")["qwen2.5-3b"][2] == "not available"
    assert "say which electricity" in page.locator(".explored").inner_text()
    option = page.locator("select[name=grid] option", has_text="France").get_attribute("value")
    page.locator("select[name=grid]").select_option(option)
    assert "grid=" in page.url
    found = shown(page, "co2e_g", "mean")
    assert float(found["qwen2.5-3b"][2].replace("e-", "E-")) == pytest.approx(
        3.09 / 3.6e6 * FRANCE, rel=0.01
    )
    assert found["qwen2.5-3b"][3].startswith("derived: joules (measured) x 56 g CO2e / kWh (France")
    assert found["gpt-4o-mini"][2] == "not available"


def test_a_suite_states_the_electricity_too(browser: Browser, tmp_path: Path) -> None:
    two = {name: MODELS[name] for name in ("qwen2.5-0.5b", "qwen2.5-3b")}
    page, _ = opened(browser, made(tmp_path, two, grid_g_co2e_per_kwh=100.0), 1400, "light")
    found = shown(page, "co2e_g", "mean")["qwen2.5-3b"]
    assert float(found[2]) == pytest.approx(3.09 / 3.6e6 * 100, rel=0.01)
    assert "100 g CO2e / kWh (stated in the suite)" in found[3]
    # Two vanilla models are no curve.
    page.locator("select[name=x]").select_option("parameters")
    said = page.locator(".vanilla").inner_text()
    assert said == (
        "No curve of vanilla qwen2.5: 2 vanilla models of it with a known size, 3 are needed."
    )
    page.close()


def test_money_of_creation_is_hours_times_the_price_that_is_stated(page: Page) -> None:
    assert shown(page, "money student", "mean")["qwen2.5-3b"][2] == "not available"
    page.locator("input[name=hour_usd]").fill("2")
    page.locator("select[name=accelerator]").select_option(label="NVIDIA H100 SXM5 80GB")
    catalog = load_catalog()
    for scope in ("student", "lineage"):
        found = shown(page, f"money {scope}", "mean")
        for model in ("qwen2.5-3b", "deepseek-r1-distill-qwen-1.5b"):
            cost = scope_cost(catalog.card(model), catalog.cards, scope, catalog.accelerators)
            usd = cost.flops.central / H100_AT_40_PERCENT / 3600 * 2  # type: ignore[union-attr]
            told = found[model][2].replace(",", "")
            assert told.startswith("≤ ") == bool(cost.exceeds)
            assert float(told.removeprefix("≤ ")) == pytest.approx(usd, rel=0.01)
            assert found[model][3].startswith("estimated: ")
            assert "40% of its peak rate (assumed)" in found[model][3]


def test_models_stand_on_the_curve_of_the_vanilla_family(page: Page, report: Path) -> None:
    found = shown(page, "parameters", "mean")
    said = page.locator(".vanilla").inner_text()
    assert said.startswith("Curve of vanilla qwen2.5 through 4 models, with the 95% band")
    assert "deepseek-r1-distill-qwen-1.5b scores as vanilla qwen2.5 of" in said
    assert "over its own size" in found["deepseek-r1-distill-qwen-1.5b"][5]
    assert page.locator(".explored .mark-area path").count() == 1
    data = data_of(report)
    place = [p["entry"] for p in data["points"]].index("deepseek-r1-distill-qwen-1.5b")
    at = data["placed"]["parameters"]["mean"][str(place)]
    # It scores as the 3b does, which the curve passes near by.
    assert 1.54e9 < at["size"][0] < 7.6e9
    assert at["size"][2] < at["size"][0]
    assert at["gains"]["parameters"][0] == pytest.approx(at["size"][0] / 1.78e9, rel=1e-3)
    gain = data["placed"]["compute_flops"]["mean"][str(place)]["gains"]
    assert gain["student"][0] > gain["lineage"][0]
    assert (
        "compute-equivalent gain"
        in shown(page, "creation student", "mean")["deepseek-r1-distill-qwen-1.5b"][5]
    )


def test_card_and_chart_say_the_same_probability(page: Page) -> None:
    card = page.locator(".card .badge").first.inner_text()
    shares = re.findall(
        r"most accurate in (.+?) of", card + page.locator("[role=status]").first.inner_text()
    )
    status = page.locator(".explorer [role=status]").inner_text()
    assert len(shares) >= 1
    assert f"the most accurate in {shares[0]} of 10,000 draws" in status


@pytest.mark.parametrize("measure", ["mean", "task sums", "pass@2"])
def test_how_often_a_model_is_on_the_frontier(page: Page, report: Path, measure: str) -> None:
    data = data_of(report)
    drawn = data["draws"][measure]
    raw = np.frombuffer(base64.b64decode(drawn["ranks"]), dtype="u1")
    ranks = np.repeat(raw.reshape(len(drawn["times"]), -1), drawn["times"], axis=0)
    assert len(ranks) == (10_000 if measure == "mean" else 1_000)
    costs = [point["costs"]["flops"] for point in data["points"]]
    wanted = frontier_probability(costs, ranks.astype(float))
    found = shown(page, "flops", measure)
    for point, share in zip(data["points"], wanted, strict=True):
        told = found[point["entry"]][4]
        assert told == "not available" if share is None else told.endswith("of draws")
        if share is not None and 0.001 < share < 0.999:
            assert float(told.split("%")[0]) == pytest.approx(100 * share, rel=0.006)


def test_the_draws_of_a_task_are_those_of_the_bootstrap(report: Path) -> None:
    data = data_of(report)
    entries = [point["entry"] for point in data["points"]]
    samples = samples_of(report).with_columns(entry="model")
    drawn = bootstrap(samples, sorted(entries), kept=1_000)
    best = drawn.tasks["sums"].argmax(axis=1)  # of equals the first
    share = float((best == sorted(entries).index("gpt-4o-mini")).mean())
    packed = data["draws"]["task sums"]
    ranks = np.frombuffer(base64.b64decode(packed["ranks"]), dtype="u1").reshape(-1, len(entries))
    leads = ranks[:, entries.index("gpt-4o-mini")] == ranks.max(axis=1)
    assert np.average(leads, weights=packed["times"]) >= share > 0.3


def test_a_task_without_any_answer_has_no_score_of_its_own(tmp_path: Path) -> None:
    """The map of tasks has a dash there; 0% would be a figure."""

    def fails(row: dict[str, Any]) -> dict[str, Any]:
        lost = row["model"] == "b" and row["task"] == "u"
        none = {"outcome": "out_of_memory", "score": 0.0, "answer": None, "output_tokens": None}
        return row | none if lost else row

    right = {
        "a": {"t": marks(3, 10), "u": marks(4, 10)},
        "b": {"t": marks(5, 10), "u": marks(4, 10)},
    }
    data = read_run(made_run(tmp_path / "run", right, rows=fails))
    found = {one.measure.key: one.scores for one in measured(data, ["a", "b"])}
    assert found["task u"][0][0] == 0.4
    assert found["task u"][1] is None
    assert found["task t"][1][0] == 0.5


def test_joules_with_an_estimate_among_them_are_an_estimate(tmp_path: Path) -> None:
    """As of a run whose cells two machines answered, of which one has a sensor."""
    right = {"a": {"t": marks(3, 10), "u": marks(4, 10)}, "b": {"t": marks(3, 10)}}
    run = made_run(tmp_path / "run", right, rows=lambda row: row | {"energy_j": 2.0})
    cells = pl.read_parquet(run / "cells.parquet").drop(
        "energy_known", "energy_method", "grid_g_co2e_per_kwh"
    )
    known, methods = ["measured", "estimated", "measured"], ["RAPL", "by power", "RAPL"]
    cells = cells.with_columns(
        pl.Series("energy_known", known), pl.Series("energy_method", methods),
        pl.Series("grid_g_co2e_per_kwh", [56.0, 350.0, 56.0]),
        energy_total_j=20.0, energy_idle_j=1.0,
    )  # fmt: skip
    cells.write_parquet(run / "cells.parquet")
    data = read_run(run)
    (table, *_) = energy(data).blocks
    assert [(row[2].kind, row[4]) for row in table.rows] == [
        ("estimated", "RAPL; by power"), ("measured", "RAPL")
    ]  # fmt: skip
    (block,) = explorer(data).blocks
    assert {p["entry"]: p["grid"] for p in block.points} == {"a": None, "b": 56.0}
    assert {p["entry"]: p["known"]["energy_j"] for p in block.points} == {
        "a": "estimated", "b": "measured"
    }  # fmt: skip


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_without_tokens_there_is_no_budget(tmp_path: Path) -> None:
    """As of imported results: NumPy would warn of the mean of nothing on the terminal."""
    right = {"a": {"t": marks(3, 10)}, "b": {"t": marks(5, 10)}}
    run = made_run(tmp_path / "run", right, rows=lambda row: row | {"output_tokens": None})
    found = measured(read_run(run), ["a", "b"])
    assert [one.measure.key for one in found] == ["mean", "task t"]


def test_every_score_and_cost_can_be_chosen(page: Page) -> None:
    for name in ("x", "y"):
        values = page.locator(f"select[name={name}] option").evaluate_all(
            "options => options.map(option => option.value)"
        )
        assert len(values) > 6
        for value in values:
            page.locator(f"select[name={name}]").select_option(value)
            assert page.locator(".explorer [role=status]").inner_text().startswith("Take ")


def test_the_table_is_reached_by_keyboard_and_holds_every_model(page: Page) -> None:
    summary = page.locator(".explorer summary")
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("table.drawn").is_visible()
    assert page.locator("table.drawn tbody tr").count() == len(MODELS)
    label = "document.querySelector('.explored').ariaLabel"
    wait_until(page, f"{label}.includes('The table below holds what is drawn')")
    assert "accuracy, mean over tasks against" in page.evaluate(label)
    page.keyboard.press("Enter")


@pytest.fixture(scope="module")
def forty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    answers = [
        sample(f"model-of-a-name-{m}", "sums", n, (3 * n + m) % 12 < 2 + m % 8, flops=1e10 * 1.1**m)
        for m in range(40)
        for n in range(12)
    ]
    return write_report(make_run(tmp_path_factory.mktemp("forty"), answers))


@pytest.mark.parametrize("width", [1400, 390])
def test_names_of_forty_models(browser: Browser, forty: Path, width: int) -> None:
    page, _ = opened(browser, forty, width, "light")
    page.locator(".explored svg").wait_for(timeout=WAIT_MS)
    wait_until(page, "document.querySelectorAll('.explored .mark-text.role-mark text').length > 2")
    overlaps, shown = overlapping(page, ".explored .mark-text.role-mark text")
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert overlaps == 0
    assert wide <= 0
    status = page.locator(".explorer [role=status]").inner_text()
    hidden = re.search(r"(\d+) names? ha", status)
    assert shown + int(hidden[1] if hidden else 0) == 40
    if width > 1000:
        assert shown >= 36
        assert page.locator(".explored .mark-rule line").count() > 0
    page.close()
