"""The report on the paper's three claims: what ``claims`` found, and its sources."""

from distilbench.report.claims._report import write_claims_report

__all__ = ["write_claims_report"]
