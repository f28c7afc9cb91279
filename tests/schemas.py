"""The JSON schemas of the docs, from the classes whose records they describe.

``python -m tests.schemas`` writes them again.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from distilbench.claims import Verdicts
from distilbench.report.card import CreationRecord

FOLDER = Path(__file__).parents[1] / "docs" / "schemas"
SCHEMAS: dict[str, type[BaseModel]] = {"creation": CreationRecord, "verdicts": Verdicts}


def text(record: type[BaseModel]) -> str:
    """The schema of a record as the docs hold it."""
    own = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(own | record.model_json_schema(mode="serialization"), indent=2) + "\n"


if __name__ == "__main__":
    for name, record in SCHEMAS.items():
        (FOLDER / f"{name}.schema.json").write_text(text(record))
