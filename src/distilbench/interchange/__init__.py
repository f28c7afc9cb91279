"""Results of other programs into a run, and a run's results out to others.

Holds the importers (``importers/``), which write the same two records as the runner, marked with
their origin, and the exporters (``exporters/``): one file each, found by its place, or in another
package by its entry point. Imports ``runner``, ``suite``, ``tasks``, ``stats``, ``records``,
``registry`` and ``errors``.
"""

from distilbench.interchange._export import export_run
from distilbench.interchange._exported import Exported, read_exported
from distilbench.interchange._exporter import Exporter, all_exporters
from distilbench.interchange._import import import_results
from distilbench.interchange._imported import Imported, Naming, number, share, whole
from distilbench.interchange._importer import Importer, ResultFile, all_importers
from distilbench.interchange._read import check_samples

__all__ = [
    "Exported",
    "Exporter",
    "Imported",
    "Importer",
    "Naming",
    "ResultFile",
    "all_exporters",
    "all_importers",
    "check_samples",
    "export_run",
    "import_results",
    "number",
    "read_exported",
    "share",
    "whole",
]
