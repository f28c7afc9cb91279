"""Money: tokens times prices, hours times the machine's price, and where the price comes from."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from distilbench.catalog import load_catalog
from distilbench.providers import HERE, SERVER
from distilbench.report import Cell, RunData, Section, Table
from distilbench.report.run._money import money
from distilbench.stats import machine_usd, token_usd, usd_of_answers
from distilbench.suite import load_suite


def samples(entry: str = "m", unknown: int = 0) -> pl.DataFrame:
    rows = [(entry, "a", "c1", 1.0, 1000, 400, 100), (entry, "a", "c1", 0.0, 2000, 0, 300)]
    rows += [(entry, "a", "c1", 0.0, None, None, None)] * unknown
    columns = ["entry", "task", "cell", "score", "input_tokens", "cached_tokens", "output_tokens"]
    frame = pl.DataFrame(rows, schema=columns, orient="row").with_row_index("sample_id")
    return frame.with_columns(
        pl.col("sample_id").cast(pl.String), cluster=pl.lit("all"), outcome=pl.lit("stop"),
        variant=pl.lit("a"), seed=0,
    )  # fmt: skip


def cells(**facts: object) -> pl.DataFrame:
    row = {
        "entry": "m", "cell": "c1", "wall_s": 36.0, "samples": 2, "resumed_samples": None,
        "engine": "inspect:openai", "runs_on": "OpenAI",
        "card": None, "price_source": None, "machine_usd_per_hour": None,
        "input_usd_per_mtok": None, "cached_input_usd_per_mtok": None, "output_usd_per_mtok": None,
    }  # fmt: skip
    return pl.DataFrame([{**row, **facts}], infer_schema_length=None)


def prices(cached: float | None) -> pl.DataFrame:
    return pl.DataFrame(
        {"entry": ["m"], "input_usd_per_mtok": [2.0], "cached_input_usd_per_mtok": [cached],
         "output_usd_per_mtok": [10.0]},
        schema_overrides={"cached_input_usd_per_mtok": pl.Float64},
    )  # fmt: skip


def test_tokens_times_prices() -> None:
    row = usd_of_answers(token_usd(samples(), prices(0.5))).row(0, named=True)
    first = (600 * 2 + 400 * 0.5 + 100 * 10) / 1e6
    second = (2000 * 2 + 300 * 10) / 1e6
    assert row["usd_per_question"] == pytest.approx((first + second) / 2)
    assert row["usd_per_correct"] == pytest.approx(first + second)


def test_cached_tokens_cost_as_others_where_no_price_of_them_is_known() -> None:
    row = usd_of_answers(token_usd(samples(), prices(None))).row(0, named=True)
    assert row["usd_per_question"] == pytest.approx((3000 * 2 + 400 * 10) / 2e6)


def test_unknown_tokens_are_counted_and_leave_no_cost_of_a_correct_answer() -> None:
    row = usd_of_answers(token_usd(samples(unknown=3), prices(None))).row(0, named=True)
    assert row["unknown"] == 3
    assert row["usd_per_correct"] is None
    assert row["usd_per_question"] == pytest.approx(0.005)


def test_the_machine_costs_its_wall_time() -> None:
    row = usd_of_answers(machine_usd(samples(), cells(machine_usd_per_hour=3.0))).row(0, named=True)
    assert row["usd_per_question"] == pytest.approx(36 / 3600 * 3 / 2)


def test_a_resumed_cell_costs_as_much_as_one_that_ran_through() -> None:
    last = cells(machine_usd_per_hour=3.0, samples=8, resumed_samples=6)
    row = usd_of_answers(machine_usd(samples(), last)).row(0, named=True)
    assert row["usd_per_question"] == pytest.approx(36 / 3600 * 3 / 2)
    nothing_left = cells(machine_usd_per_hour=3.0, resumed_samples=2)
    assert usd_of_answers(machine_usd(samples(), nothing_left))["usd_per_question"].to_list() == [
        None
    ]


def section(cells: pl.DataFrame) -> Section:
    return money(RunData({}, "", samples(), cells, load_catalog()))


def texts(section: Section) -> list[str]:
    table = next((block for block in section.blocks if isinstance(block, Table)), None)
    if table is None:
        return []
    return [v.text if isinstance(v, Cell) else str(v) for v in table.rows[0]]


def test_the_suites_price_wins_over_the_cards() -> None:
    stated = cells(
        card="gpt-4o-mini", price_source="Me, 2026-01-01", input_usd_per_mtok=1.0,
        output_usd_per_mtok=1.0,
    )  # fmt: skip
    assert texts(section(stated))[-1] == "Me, 2026-01-01 (suite)"
    by_card = texts(section(cells(card="gpt-4o-mini")))
    assert by_card[-1] == "OpenAI, 2024-07-18 (card gpt-4o-mini)"
    assert "input 0.15" in by_card[-2]
    usd = (3000 * 0.15 + 400 * 0.6) / 2e6
    assert by_card[1:3] == [f"{usd:.3g}", f"{1000 * usd:.3g}"]


def test_a_model_on_ones_own_machine_is_not_charged_the_price_of_an_api() -> None:
    own = cells(card="deepseek-r1", runs_on=HERE, machine_usd_per_hour=3.0)
    assert texts(section(own))[-1] == "suite (profile)"
    elsewhere = cells(machine_usd_per_hour=3.0)
    assert not texts(section(elsewhere))  # this machine only waited


@pytest.mark.parametrize("place", [HERE, SERVER, "Together AI", "Azure AI", None])
def test_a_companys_price_is_for_its_own_api_alone(place: str | None) -> None:
    """Also where the engine is one of Inspect's: what another company charges is not known."""
    made = section(cells(card="deepseek-r1", runs_on=place))
    assert not texts(made)
    assert "not available" in str(made.blocks)
    at_home = cells(card="deepseek-r1", runs_on="DeepSeek")
    assert texts(section(at_home))[-1] == ("DeepSeek, 2025-01-20 (card deepseek-r1)")


def test_an_entry_that_ran_in_two_places_has_no_price_of_one() -> None:
    both = pl.concat([cells(card="gpt-4o-mini"), cells(card="gpt-4o-mini", runs_on=SERVER)])
    assert not texts(section(both))


def test_a_server_at_an_address_costs_the_stated_machine_and_says_so() -> None:
    found = texts(section(cells(runs_on=SERVER, machine_usd_per_hour=3.0)))
    assert "the server's machine, taken to be the suite's: 3" in found[-2]


def test_a_run_that_does_not_say_where_it_ran_has_no_price() -> None:
    old = cells(card="gpt-4o-mini", machine_usd_per_hour=3.0).drop("runs_on")
    assert not texts(section(old))


def test_without_a_price_money_is_not_available() -> None:
    assert "not available" in str(section(cells()).blocks)


def test_prices_in_a_suite(tmp_path: Path) -> None:
    path = tmp_path / "suite.yaml"
    path.write_text("""
models:
  - source: inspect:openai/gpt-4o-mini
    price: {provider: OpenAI, date: 2026-01-31, input_usd_per_mtok: 1, output_usd_per_mtok: 4}
tasks: [{reasoning_gym: lcm}]
profiles: [{machine_usd_per_hour: 2.5}]
""")
    suite = load_suite(path)
    assert suite.models[0].price is not None
    assert str(suite.models[0].price.date) == "2026-01-31"
    assert suite.profiles[0].machine_usd_per_hour == 2.5
