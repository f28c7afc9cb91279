"""What processes that were killed had no time to remove or to mend; done as the next run starts."""

from __future__ import annotations

from pathlib import Path

from distilbench.engines import sweep_cgroups, sweep_scratch
from distilbench.files import is_damaged, sweep_partials
from distilbench.runner._plan import Cell
from distilbench.runner._store import cell_folder


def sweep_machine() -> None:
    """Of whatever run on this machine."""
    sweep_scratch()
    sweep_cgroups()


def sweep(run_dir: Path, cells: list[Cell]) -> None:
    """Nobody else may be at work in ``run_dir``. A cell's record that is damaged is removed too: it
    is made again from those of its shards."""
    sweep_machine()
    sweep_partials(run_dir)
    for cell in cells:
        record = cell_folder(run_dir, cell) / "cell.json"
        if is_damaged(record):
            record.unlink()
