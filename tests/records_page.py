"""Writes the tables of docs/records.md: ``python -m tests.records_page``."""

from __future__ import annotations

from pathlib import Path

from distilbench.distill import StageRecord
from distilbench.records import CellRecord, MinuteRecord, SampleRecord, columns

FILE = Path(__file__).parents[1] / "docs" / "records.md"
_BEGIN, _END = "<!-- made by code: begin -->\n", "<!-- made by code: end -->\n"
_TYPES = {"String": "text", "Int64": "integer", "Float64": "number", "Boolean": "true or false"}


def written(page: str) -> str:
    """The page with its tables made anew between the two marks."""
    before, _, rest = page.partition(_BEGIN)
    after = rest.partition(_END)[2]
    return before + _BEGIN + _tables() + _END + after


def _tables() -> str:
    return "\n".join(
        (
            "## `samples.parquet`: one question answered once\n",
            _table(SampleRecord),
            "## `cells.parquet`: one model on one task under one profile with one seed\n",
            _table(CellRecord),
            "## `sustained.parquet`: one minute of a model under load\n",
            _table(MinuteRecord),
            "## `stages.parquet` of a distilled model: one attempt at one stage\n",
            _table(StageRecord),
        )
    )


def _table(record: type) -> str:
    rows = [
        f"| `{c.name}` | {_TYPES[c.dtype]} | {c.unit or '–'} | {c.known} | {c.meaning} |\n"
        for c in columns(record)
    ]
    return "| column | type | unit | known | what it says |\n| --- | --- | --- | --- | --- |\n" + (
        "".join(rows)
    )


if __name__ == "__main__":
    FILE.write_text(written(FILE.read_text("utf-8")), "utf-8")
