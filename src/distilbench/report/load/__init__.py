"""The report of a serving-load sweep: throughput, goodput and latency against concurrency."""

from distilbench.report.load._report import write_load_report

__all__ = ["write_load_report"]
