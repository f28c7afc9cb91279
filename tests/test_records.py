"""The records' classes: what they say of each column is whole, and the same everywhere."""

from __future__ import annotations

import polars as pl
import pytest

from distilbench.records import CellRecord, SampleRecord, columns, frame, schema, unit_of
from tests import records_page


@pytest.mark.parametrize("record", [SampleRecord, CellRecord])
def test_a_record_with_nothing_known_is_a_row_of_nulls(record: type) -> None:
    made = frame([vars(record())], record)
    assert made.schema == schema(record)
    assert made.null_count().row(0) == (1,) * made.width


def test_fields_have_the_types_that_they_say() -> None:
    row = {"model": "m", "seed": 3, "score": 0.5, "budget_forced": True, "energy_j": None}
    made = frame([row, {}], SampleRecord)
    assert made.select(list(row)).rows() == [("m", 3, 0.5, True, None), (None,) * 5]
    kinds = [pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.Float64]
    assert made.select(list(row)).dtypes == kinds
    assert frame([row], SampleRecord, ["score"]).columns == ["score"]
    with pytest.raises(pl.exceptions.ComputeError):
        frame([{"seed": "three"}], SampleRecord, ["seed"])


def test_units_are_those_of_the_names() -> None:
    names = "peak_memory_bytes", "wall_s", "power_cap_w", "energy_total_j", "output_tokens"
    assert [unit_of(name) for name in names] == ["bytes", "s", "W", "J", "tokens"]
    assert unit_of("output_tokens_per_s") == unit_of("tokens_per_s_deviation") == "tokens/s"
    assert unit_of("cached_input_usd_per_mtok") == "USD per million tokens"
    assert unit_of("seed") == unit_of("score") == unit_of("bits_per_weight") == ""
    units = {c.name: c.unit for c in (*columns(SampleRecord), *columns(CellRecord)) if c.unit}
    assert all(unit_of(name) == unit for name, unit in units.items())


def test_the_page_of_columns_is_that_of_the_classes() -> None:
    page = records_page.FILE.read_text("utf-8")
    assert page == records_page.written(page), "run: python -m tests.records_page"
    assert page.count("| `energy_j` | number | J | derived |") == 1
