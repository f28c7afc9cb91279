"""The report of a run: what its directory holds, read once, and the sections made of it.

Each section is a function of :class:`RunData`. Only reads: the run directory and the catalog.
"""

from distilbench.report.run._recommendation import chance, recommendation_sentences
from distilbench.report.run._report import RunData, read_run, write_report

__all__ = ["RunData", "chance", "read_run", "recommendation_sentences", "write_report"]
