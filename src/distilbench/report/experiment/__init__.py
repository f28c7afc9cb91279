"""The report of distilled against vanilla students: accuracy against creation cost."""

from distilbench.report.experiment._report import write_experiment_report

__all__ = ["write_experiment_report"]
