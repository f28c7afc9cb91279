"""From a suite to a finished run directory.

Holds the plan (cells), the worker process that loads one model and runs its cells, the executor
that starts workers, and the store: Parquet records and Inspect logs, written so that a killed run
resumes. Imports ``suite``, ``engines``, ``tasks``, ``meter``, ``architecture``, ``records`` and
``errors``.
"""

from distilbench.runner._executor import Executor, Job, all_executors, run_worker, run_workers
from distilbench.runner._follow import Followed, Look
from distilbench.runner._list import ListedRun, list_runs
from distilbench.runner._merge import Merged, merge_runs
from distilbench.runner._plan import Cell, plan
from distilbench.runner._records import sample_record
from distilbench.runner._run import (
    RunResult,
    bring_up_to_date,
    load_cells,
    opened_run,
    question_sets,
    run_suite,
)
from distilbench.runner._sandbox import no_sandbox
from distilbench.runner._shards import Shard, Share
from distilbench.runner._status import CellStatus, cell_status
from distilbench.runner._store import (
    imported_cells,
    imported_folder,
    is_finished,
)
from distilbench.runner._sustained import sustained_minutes
from distilbench.runner._tables import collect, joined, repeated

__all__ = [
    "Cell",
    "CellStatus",
    "Executor",
    "Followed",
    "Job",
    "ListedRun",
    "Look",
    "Merged",
    "RunResult",
    "Shard",
    "Share",
    "all_executors",
    "bring_up_to_date",
    "cell_status",
    "collect",
    "imported_cells",
    "imported_folder",
    "is_finished",
    "joined",
    "list_runs",
    "load_cells",
    "merge_runs",
    "no_sandbox",
    "opened_run",
    "plan",
    "question_sets",
    "repeated",
    "run_suite",
    "run_worker",
    "run_workers",
    "sample_record",
    "sustained_minutes",
]
