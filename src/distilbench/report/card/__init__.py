"""A model's creation cost for its model card: a table in Markdown, a badge, a record as data.

The record is what we propose as an extension of Every Eval Ever (``docs/creation-record.md``).
"""

from distilbench.report.card._badge import badge
from distilbench.report.card._every_eval_ever import NO_RECORD, with_creation
from distilbench.report.card._markdown import creation_markdown
from distilbench.report.card._record import CreationRecord, creation_record

__all__ = [
    "NO_RECORD",
    "CreationRecord",
    "badge",
    "creation_markdown",
    "creation_record",
    "with_creation",
]
