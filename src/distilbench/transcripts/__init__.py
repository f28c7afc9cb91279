"""The transcripts of a run: Inspect logs and the journals beside them, read sample by sample.

``runner`` makes records of them, ``report`` and ``view`` show them. Only reads; what it reads is
untrusted. Imports ``inspect_private`` and ``errors``.
"""

from distilbench.transcripts._journal import (
    JOURNAL,
    journal_line,
    read_journal,
    read_journal_from,
)
from distilbench.transcripts._logs import (
    check_log,
    read_log,
    read_log_header,
    read_log_samples,
)
from distilbench.transcripts._transcript import (
    Message,
    Transcript,
    read_transcript,
    read_transcripts,
    transcript_of,
)

__all__ = [
    "JOURNAL",
    "Message",
    "Transcript",
    "check_log",
    "journal_line",
    "read_journal",
    "read_journal_from",
    "read_log",
    "read_log_header",
    "read_log_samples",
    "read_transcript",
    "read_transcripts",
    "transcript_of",
]
