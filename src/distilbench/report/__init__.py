"""What people read: one HTML page that works offline, its figures, the same in Markdown.

``page`` holds the blocks and their renderer; ``run``, ``claims``, ``experiment`` and ``load`` make
the pages of these names. Only reads: a run directory, a sweep's or an experiment's folder, the
catalog. Imports ``claims``, ``stats``, ``catalog``, ``compute``, ``records`` and ``errors``.
"""

from distilbench.report.claims import write_claims_report
from distilbench.report.experiment import write_experiment_report
from distilbench.report.load import write_load_report
from distilbench.report.page import (
    ENDED,
    PAIRS,
    SORTS,
    Cell,
    Chart,
    Details,
    Pre,
    Questions,
    Section,
    Shown,
    Table,
    Text,
    render_page,
)
from distilbench.report.run import (
    QUESTION,
    RunData,
    answer_of,
    chance,
    finite,
    in_order,
    marks,
    picture,
    read_run,
    recommendation_sentences,
    run_warnings,
    with_ending,
    with_entries,
    write_report,
)

__all__ = [
    "ENDED",
    "PAIRS",
    "QUESTION",
    "SORTS",
    "Cell",
    "Chart",
    "Details",
    "Pre",
    "Questions",
    "RunData",
    "Section",
    "Shown",
    "Table",
    "Text",
    "answer_of",
    "chance",
    "finite",
    "in_order",
    "marks",
    "picture",
    "read_run",
    "recommendation_sentences",
    "render_page",
    "run_warnings",
    "with_ending",
    "with_entries",
    "write_claims_report",
    "write_experiment_report",
    "write_load_report",
    "write_report",
]
