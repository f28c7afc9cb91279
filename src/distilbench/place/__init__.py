"""Where a run directory is: a local folder, or a URL of a store of objects.

A run always works in a local folder, so that nothing else has to know. Of a URL, that folder is in
the cache; one run at a time holds the URL by a lease (``_lease``), and a thread sends what the run
writes (``_mirror``). Who reads a URL gets a copy (``_copy``). Imports ``files``, ``cache``,
``keys`` and ``errors``.
"""

from distilbench.place._copy import copied, pull, without_finished_logs
from distilbench.place._leaving import MARKERS, is_half, travels
from distilbench.place._place import Place
from distilbench.place._presence import present
from distilbench.place._remote import Remote, Unreachable
from distilbench.place._stop import At, cancel, who_is_at_work
from distilbench.place._work import at_work, send

__all__ = [
    "MARKERS",
    "At",
    "Place",
    "Remote",
    "Unreachable",
    "at_work",
    "cancel",
    "copied",
    "is_half",
    "present",
    "pull",
    "send",
    "travels",
    "who_is_at_work",
    "without_finished_logs",
]
