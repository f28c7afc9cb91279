"""What people read: one HTML page that works offline, its figures, the same in Markdown.

Holds the page model (:class:`Section`, :class:`Table`, :class:`Chart`) and its one renderer, the
report of a run, that of a serving-load sweep, that of an experiment on making models, and that on
the paper's claims. Only reads: a run directory, a sweep's or an experiment's folder, the catalog.
Imports ``stats``, ``catalog``, ``compute``, ``records`` and ``errors``.
"""

from distilbench.report._claims import Claims, check_claims
from distilbench.report._claims_report import write_claims_report
from distilbench.report._experiment_report import write_experiment_report
from distilbench.report._load_report import write_load_report
from distilbench.report._machine_sections import marks
from distilbench.report._page import (
    Cell,
    Chart,
    Details,
    Pre,
    Section,
    Table,
    Text,
    render_page,
)
from distilbench.report._recommendation import chance, recommendation_sentences
from distilbench.report._run_report import read_run, write_report

__all__ = [
    "Cell",
    "Chart",
    "Claims",
    "Details",
    "Pre",
    "Section",
    "Table",
    "Text",
    "chance",
    "check_claims",
    "marks",
    "read_run",
    "recommendation_sentences",
    "render_page",
    "write_claims_report",
    "write_experiment_report",
    "write_load_report",
    "write_report",
]
