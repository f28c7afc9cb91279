"""The report of a run: what its directory holds, read once, and the sections made of it.

Each section is a function of :class:`RunData`, listed in ``_sections.py``; other packages add
theirs with an entry point. Only reads: the run directory and the catalog.
"""

from distilbench.report.run._answer import answer, no_pair
from distilbench.report.run._data import RunData, read_run
from distilbench.report.run._diff import Comparison, Diff, Difference, diff_runs
from distilbench.report.run._diff_words import (
    COMPARISONS,
    RATIOS,
    comparison_rows,
    diff_markdown,
    diff_sentences,
    ratio_rows,
)
from distilbench.report.run._entries import with_entries
from distilbench.report.run._ledger_words import ledger_sentences, not_available
from distilbench.report.run._marks import marks
from distilbench.report.run._money import dollars
from distilbench.report.run._questions import QUESTION, answer_of, finite, in_order, with_ending
from distilbench.report.run._recommendation import chance, recommendation_sentences
from distilbench.report.run._report import (
    picture,
    write_leaderboard,
    write_report,
    write_runs_report,
)
from distilbench.report.run._running import Ratio
from distilbench.report.run._sections import sections
from distilbench.report.run._several import read_runs, run_labels
from distilbench.report.run._sustained import sustained_facts
from distilbench.report.run._verdicts import creation_text
from distilbench.report.run._warnings import run_warnings

__all__ = [
    "COMPARISONS",
    "QUESTION",
    "RATIOS",
    "Comparison",
    "Diff",
    "Difference",
    "Ratio",
    "RunData",
    "answer",
    "answer_of",
    "chance",
    "comparison_rows",
    "creation_text",
    "diff_markdown",
    "diff_runs",
    "diff_sentences",
    "dollars",
    "finite",
    "in_order",
    "ledger_sentences",
    "marks",
    "no_pair",
    "not_available",
    "picture",
    "ratio_rows",
    "read_run",
    "read_runs",
    "recommendation_sentences",
    "run_labels",
    "run_warnings",
    "sections",
    "sustained_facts",
    "with_ending",
    "with_entries",
    "write_leaderboard",
    "write_report",
    "write_runs_report",
]
