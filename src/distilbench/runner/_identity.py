"""What a cell's record says of the cell itself, beside what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.records import ORIGIN
from distilbench.runner._plan import Cell
from distilbench.tasks import QuestionSet, contamination_of


def identity(run_dir: Path, cell: Cell, asked: QuestionSet) -> dict[str, Any]:
    return {
        "run": run_dir.name,
        "cell": cell.name,
        "origin": ORIGIN,
        "model": cell.model.name,
        "task": cell.task.name,
        "profile": cell.profile.name,
        "seed": cell.seed,
        "repeat": cell.repeat,
        "config_hash": cell.config_hash,
        "model_sha256": cell.file_sha256,
        "slots": cell.profile.slots,
        "context": cell.profile.context,
        "memory_limit_bytes": cell.profile.memory,
        "cpus": cell.profile.cpus,
        "time_per_question_s": cell.profile.time_per_question_s,
        "energy_per_question_j": cell.profile.energy_per_question_j,
        "power_cap_w": cell.profile.power_cap_w,
        "thinking_tokens": cell.profile.thinking_tokens,
        "epochs": cell.epochs,
        "template": cell.task.template.name if cell.task.template else None,
        "variant_of": cell.task.variant_of,
        "contamination": contamination_of(cell.task),
        "data_revision": asked.revision,
        "skipped_rows": "; ".join(part.sentence for part in asked.skipped) or None,
        **cell.generation.model_dump(exclude={"recommended"}),
        **said(cell),
    }


def stated(cell: Cell) -> dict[str, Any]:
    """What records of a served model's samples are derived with: if it is another now, they are
    derived again."""
    return {
        "shape": cell.shape.model_dump(mode="json") if cell.shape else None,
        "api_energy": cell.api_energy.model_dump(mode="json") if cell.api_energy else None,
    }


def said(cell: Cell) -> dict[str, Any]:
    """What the suite and the cards say of a model. It sets no result, so it may change after."""
    price = cell.model.price
    return {
        "role": cell.model.role,
        "card": cell.card,
        "flops_source": cell.shape_source,
        "sampling_source": cell.sampling_source,
        "input_usd_per_mtok": price.input_usd_per_mtok if price else None,
        "cached_input_usd_per_mtok": price.cached_input_usd_per_mtok if price else None,
        "output_usd_per_mtok": price.output_usd_per_mtok if price else None,
        "price_source": f"{price.provider}, {price.date}" if price else None,
        "machine_usd_per_hour": cell.profile.machine_usd_per_hour,
        "grid_g_co2e_per_kwh": cell.profile.grid_g_co2e_per_kwh,
        "api_energy_method": cell.api_energy.method if cell.api_energy else None,
    }
