"""Writes a run's results in the forms of other programs."""

from __future__ import annotations

from pathlib import Path

from distilbench.errors import InputError
from distilbench.interchange._exported import read_exported
from distilbench.interchange._exporter import all_exporters


def export_run(run_dir: Path, form: str, out: Path) -> list[Path]:
    """Write the results of a run into the folder ``out``; returns the files.

    ``form`` is the format of an exporter. Raises ``InputError`` for another, if the run holds no
    sample, or if it holds nothing that this form can say.
    """
    known = all_exporters()
    if form not in known:
        raise InputError(f"--format {form}", "is no known format", f"give {', '.join(known)}")
    run = read_exported(run_dir)
    if not known[form].has_content(run):
        others = ", ".join(name for name, exporter in known.items() if exporter.has_content(run))
        remedy = f"see its report; what there is, --format writes as: {others}"
        raise InputError(str(run_dir), "no finished cell holds an answer", remedy)
    out.mkdir(parents=True, exist_ok=True)
    return known[form].write(run, out)
