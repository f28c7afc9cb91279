"""Writes a run's results in the forms of other programs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from distilbench.errors import InputError
from distilbench.interchange.exporters._csv import write_csv
from distilbench.interchange.exporters._every_eval_ever import write_every_eval_ever
from distilbench.interchange.exporters._lm_eval import write_lm_eval
from distilbench.interchange.exporters._model_index import write_model_index
from distilbench.interchange._exported import Exported, read_exported

_WRITERS: dict[str, Callable[[Exported, Path], list[Path]]] = {
    "lm-eval": write_lm_eval,
    "model-index": write_model_index,
    "csv": write_csv,
    "every-eval-ever": write_every_eval_ever,
}
FORMATS = tuple(_WRITERS)


def export_run(run_dir: Path, form: str, out: Path) -> list[Path]:
    """Write the results of a run into the folder ``out``; returns the files.

    ``form`` is one of ``FORMATS``. Raises ``InputError`` for another, and if the run holds no
    sample, or (but for CSV) no answer.
    """
    if form not in _WRITERS:
        raise InputError(f"--format {form}", "is no known format", f"give {', '.join(FORMATS)}")
    data = read_exported(run_dir)
    stated = data.ungraded if form == "lm-eval" else data.ungraded.clear()
    if form != "csv" and data.results.is_empty() and stated.is_empty():
        remedy = "see its report; --format csv writes the records"
        raise InputError(str(run_dir), "no model answered anything", remedy)
    out.mkdir(parents=True, exist_ok=True)
    return _WRITERS[form](data, out)
