"""Runs in a browser: report, questions with transcripts, and how far a run is while it is written.

A server on loopback only, for who has its token; it answers GET and nothing else, changes no
result, and no part of an address is ever taken for a path. Questions are read page by page. Imports
``report``, ``runner``, ``place``, ``transcripts``, ``files`` and ``errors``.
"""

from distilbench.view._app import application
from distilbench.view._run import Viewed, runs_at
from distilbench.view._serve import View, listening

__all__ = ["View", "Viewed", "application", "listening", "runs_at"]
