"""The reports of experiments: quality against creation cost, of distilled and vanilla students."""

from distilbench.report.experiment._report import write_experiment_report
from distilbench.report.experiment._scarce_page import write_scarce_report

__all__ = ["write_experiment_report", "write_scarce_report"]
