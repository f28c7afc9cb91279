"""Results for others: files for models' repositories on the Hugging Face hub, a leaderboard as a
static site, and a folder of results that others append to.

Everything is files first; only :func:`push` sends anything. Imports ``report``, ``interchange``,
``runner``, ``stats``, ``catalog`` and what those may import.
"""

from distilbench.publish._benchmarks import Benchmark, Unit, benchmark_of
from distilbench.publish._card import card_section, with_section
from distilbench.publish._dataset import append_run, is_results_folder, read_results_folder
from distilbench.publish._eval_results import Filed, read_results
from distilbench.publish._publish import PublishedModel, Terms, publish_run
from distilbench.publish._push import push
from distilbench.publish._rows import SCHEMA, ResultRecord, result_rows
from distilbench.publish._scored import Choice, Scored
from distilbench.publish._site import write_site

__all__ = [
    "SCHEMA",
    "Benchmark",
    "Choice",
    "Filed",
    "PublishedModel",
    "ResultRecord",
    "Scored",
    "Terms",
    "Unit",
    "append_run",
    "benchmark_of",
    "card_section",
    "is_results_folder",
    "publish_run",
    "push",
    "read_results",
    "read_results_folder",
    "result_rows",
    "with_section",
    "write_site",
]
