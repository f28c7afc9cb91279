"""What happens to questions that cannot be asked: of a task that runs code where there is no
sandbox to run it in, or of a served model that does not load.

A model's code never runs unguarded. A cell that needs Docker where there is none asks its model
nothing: each of its questions ends in the outcome ``error`` with the reason, and the other cells
are unharmed. Once there is Docker, the next run answers those questions. A served model that does
not load (its package, its GPU's memory) is tried again by the next run.
"""

from __future__ import annotations

import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from distilbench.engines import FAILURE_KEY
from distilbench.files import read_json
from distilbench.runner._plan import Cell
from distilbench.runner._store import cell_folder, questions_file, read_questions

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.solver import Generate, Solver, TaskState

_DOCKER_COMMANDS = (
    ("docker", "version", "--format", "{{.Server.Version}}"),
    ("docker", "compose", "version"),
)
_ANSWERS_WITHIN_S = 15


def no_sandbox(kind: str | None) -> str | None:
    """Why code cannot run in this kind of sandbox here; null: it can, or none is needed."""
    if kind != "docker" or docker_works():
        return None
    return "needs Docker to run a model's code in a sandbox, and there is no Docker here"


@cache
def docker_works() -> bool:
    """Whether Docker's daemon answers and has Compose, which Inspect uses."""
    for command in _DOCKER_COMMANDS:
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_ANSWERS_WITHIN_S)
        except (OSError, subprocess.SubprocessError):
            return False
    return True


def refuse(task: Task, reason: str) -> Task:
    """The same questions, each of which ends in an error without asking the model."""
    from inspect_ai.dataset import MemoryDataset
    from inspect_ai.model import ModelOutput
    from inspect_ai.solver import solver

    @solver(name="distilbench_refused")
    def refused() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            state.output = ModelOutput.from_content(str(state.model), "")
            state.output.metadata = {FAILURE_KEY: {"outcome": "error", "message": reason}}
            return state

        return solve

    bare = [sample.model_copy(update={"sandbox": None, "setup": None}) for sample in task.dataset]
    task.dataset = MemoryDataset(bare, name=task.name)
    task.solver, task.scorer, task.setup, task.sandbox = refused(), None, None, None
    return task


def refusals(run_dir: Path, cells: list[Cell]) -> list[str]:
    """A sentence for each task that will be refused. Its questions must have been made."""
    found = {}
    for cell in cells:
        asked = read_questions(questions_file(run_dir, cell))
        if reason := no_sandbox(asked.sandbox):
            found[cell.task.name] = f"task {cell.task.name!r} {reason}: its questions end as errors"
    return list(found.values())


def reopen_refused(run_dir: Path, cells: list[Cell]) -> None:
    """Forget the shards whose model was not asked and may be now, and that their cells are
    finished."""
    for cell in cells:
        folder = cell_folder(run_dir, cell)
        for file in (*folder.glob("shard.json"), *folder.glob("shards/*/shard.json")):
            facts = read_json(file)
            if facts.get("load_error") or (facts.get("refused") and docker_works()):
                (folder / "cell.json").unlink(missing_ok=True)
                shutil.rmtree(file.parent)
