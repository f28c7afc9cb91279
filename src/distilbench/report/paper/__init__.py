"""What a paper takes from a page: figures in one theme, tables as LaTeX and Markdown, the methods
in words and the works that they cite.

Made of the same charts and tables as the page, so that both show the same figures. Imports ``run``,
``claims`` and ``page``.
"""

from distilbench.report.paper._contents import (
    Contents,
    contents_of_claims,
    contents_of_run,
)
from distilbench.report.paper._figure import WIDTHS_MM, drawn, width_mm
from distilbench.report.paper._methods import Paragraph, Said, methods
from distilbench.report.paper._paper import (
    must_be_ours,
    table_text,
    write_paper_of_claims,
    write_paper_of_run,
)
from distilbench.report.paper._references import References

__all__ = [
    "WIDTHS_MM",
    "Contents",
    "Paragraph",
    "References",
    "Said",
    "contents_of_claims",
    "contents_of_run",
    "drawn",
    "methods",
    "must_be_ours",
    "table_text",
    "width_mm",
    "write_paper_of_claims",
    "write_paper_of_run",
]
