"""The report of a run: what its directory holds, read once, and the sections made of it.

Each section is a function of :class:`RunData`, listed in ``_sections.py``; other packages add
theirs with an entry point. Only reads: the run directory and the catalog.
"""

from distilbench.report.run._data import RunData, read_run
from distilbench.report.run._entries import with_entries
from distilbench.report.run._marks import marks
from distilbench.report.run._questions import QUESTION, answer_of, finite, in_order, with_ending
from distilbench.report.run._recommendation import chance, recommendation_sentences
from distilbench.report.run._report import picture, write_report
from distilbench.report.run._warnings import run_warnings

__all__ = [
    "QUESTION",
    "RunData",
    "answer_of",
    "chance",
    "finite",
    "in_order",
    "marks",
    "picture",
    "read_run",
    "recommendation_sentences",
    "run_warnings",
    "with_ending",
    "with_entries",
    "write_report",
]
