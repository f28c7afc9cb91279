"""How many users a model can serve: throughput and latency against concurrency.

Holds the sweep, the load generator's environment (AIPerf in a virtual environment of its own,
because its dependencies do not go with Inspect's) and the reading of its results. Works on any
OpenAI-compatible server, and on the embedded engine, whose server it starts. Imports ``engines``,
``meter``, ``stats``, ``errors`` and ``keys``.
"""

from distilbench.load._results import Objective, read_requests, summarise
from distilbench.load._sweep import Target, Workload, is_saturated, must_answer, serving, sweep

__all__ = [
    "Objective",
    "Target",
    "Workload",
    "is_saturated",
    "must_answer",
    "read_requests",
    "serving",
    "summarise",
    "sweep",
]
