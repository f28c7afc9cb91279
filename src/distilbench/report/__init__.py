"""What people read: one HTML page that works offline, its figures, the same in Markdown.

``page`` holds the blocks and their renderer; ``run``, ``claims``, ``experiment`` and ``load`` make
the pages of these names. Only reads: a run directory, a sweep's or an experiment's folder, the
catalog. Imports ``claims``, ``stats``, ``catalog``, ``compute``, ``records`` and ``errors``.
"""

from distilbench.report.claims import write_claims_report
from distilbench.report.experiment import write_experiment_report
from distilbench.report.load import write_load_report
from distilbench.report.page import (
    Cell,
    Chart,
    Details,
    Pre,
    Section,
    Shown,
    Table,
    Text,
    render_page,
)
from distilbench.report.run import (
    COMPARISONS,
    RATIOS,
    Comparison,
    Diff,
    Difference,
    Ratio,
    RunData,
    chance,
    comparison_rows,
    diff_markdown,
    diff_runs,
    diff_sentences,
    marks,
    picture,
    ratio_rows,
    read_run,
    read_runs,
    recommendation_sentences,
    run_labels,
    run_warnings,
    write_report,
    write_runs_report,
)

__all__ = [
    "COMPARISONS",
    "RATIOS",
    "Cell",
    "Chart",
    "Comparison",
    "Details",
    "Diff",
    "Difference",
    "Pre",
    "Ratio",
    "RunData",
    "Section",
    "Shown",
    "Table",
    "Text",
    "chance",
    "comparison_rows",
    "diff_markdown",
    "diff_runs",
    "diff_sentences",
    "marks",
    "picture",
    "ratio_rows",
    "read_run",
    "read_runs",
    "recommendation_sentences",
    "render_page",
    "run_labels",
    "run_warnings",
    "write_claims_report",
    "write_experiment_report",
    "write_load_report",
    "write_report",
    "write_runs_report",
]
