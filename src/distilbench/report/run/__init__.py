"""The report of a run: what its directory holds, read once, and the sections made of it.

Each section is a function of :class:`RunData`, listed in ``_sections.py``; other packages add
theirs with an entry point. Only reads: the run directory and the catalog.
"""

from distilbench.report.run._answer import answer
from distilbench.report.run._data import RunData, read_run
from distilbench.report.run._marks import marks
from distilbench.report.run._money import dollars
from distilbench.report.run._recommendation import chance, recommendation_sentences
from distilbench.report.run._report import picture, write_report
from distilbench.report.run._sections import sections
from distilbench.report.run._verdicts import creation_text
from distilbench.report.run._warnings import run_warnings

__all__ = [
    "RunData",
    "answer",
    "chance",
    "creation_text",
    "dollars",
    "marks",
    "picture",
    "read_run",
    "recommendation_sentences",
    "run_warnings",
    "sections",
    "write_report",
]
