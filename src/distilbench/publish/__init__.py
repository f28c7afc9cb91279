"""Results for others: files for models' repositories on the Hugging Face hub, a leaderboard as a
static site, and a folder of results that others append to.

Everything is files first; only :func:`push` sends anything. Imports ``report``, ``interchange``,
``runner``, ``stats``, ``catalog`` and what those may import.
"""

from distilbench.publish._benchmarks import Benchmark, Unit, benchmark_of
from distilbench.publish._card import card_section, with_section
from distilbench.publish._eval_results import Filed, read_results
from distilbench.publish._publish import PublishedModel, Terms, publish_run
from distilbench.publish._push import push
from distilbench.publish._scored import Choice, Scored

__all__ = [
    "Benchmark",
    "Choice",
    "Filed",
    "PublishedModel",
    "Scored",
    "Terms",
    "Unit",
    "benchmark_of",
    "card_section",
    "publish_run",
    "push",
    "read_results",
    "with_section",
]
