"""The report on the paper's three claims: what ``claims`` found, and its sources."""

from distilbench.report.claims._report import claims_sections, write_claims_report

__all__ = ["claims_sections", "write_claims_report"]
