"""The creation record inside a record of Every Eval Ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.report.card._record import CreationRecord

FIELD = "creation_cost"
"""Of ``model_info.additional_details``, whose values its schema 0.3.0 wants to be strings."""
NO_RECORD = "give a record of Every Eval Ever (https://evalevalai.com), schema 0.3.0"


def with_creation(data: Any, where: Path, record: CreationRecord) -> dict[str, Any]:
    """An Every Eval Ever record with the creation record in it, as text; one that is there already
    is replaced. Nothing else changes. Raises ``InputError`` if it is no such record."""
    if not isinstance(data, dict) or "schema_version" not in data:
        raise InputError(str(where), "has no schema_version", NO_RECORD)
    model = data.get("model_info")
    details = model.get("additional_details") if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(details, dict):
        raise InputError(f"{where}: model_info.additional_details", "is not there", NO_RECORD)
    details = details | {FIELD: record.model_dump_json()}
    return data | {"model_info": model | {"additional_details": details}}
