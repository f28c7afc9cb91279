"""Training in several processes: ``accelerate launch`` starts them for a recipe's ``accelerate``.

All stages but training run in the one process that the user started. Rank 0 of the launched
processes writes the training's record; tokens and FLOPs in it are those of all ranks, each taken to
have batches like rank 0's; memory and CPU time are rank 0's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distilbench.distill._recipe import Recipe

_MARK = "DISTILBENCH_LAUNCHED"


def is_launched() -> bool:
    """Whether this is a process of a training that is under way."""
    return _MARK in os.environ


def ranks() -> int:
    """Processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if is_launched() else 1


def is_main() -> bool:
    """Whether this process writes what all of them made."""
    return not is_launched() or os.environ.get("RANK", "0") == "0"


def launch(
    recipe: Recipe,
    teacher: str | None,
    folder: Path,
    place: Path,
    number: int,
    texts: list[list[str]],
) -> None:
    """Train one trial in the processes of the recipe's accelerate configuration, and wait."""
    data = recipe.model_dump(mode="json")
    if data["teacher"] and data["teacher"]["recipe"]:
        data["teacher"] |= {"recipe": None, "source": teacher}
    job = place / "job.json"
    facts: dict[str, Any] = {
        "recipe": data,
        "folder": str(folder.resolve()),
        "place": str(place.resolve()),
        "number": number,
        "texts": texts,
    }
    job.write_text(json.dumps(facts))
    config = str((folder / str(recipe.accelerate)).resolve())
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", config]
    done = subprocess.run(
        [*command, "-m", "distilbench.distill._launched", str(job)],
        env={**os.environ, _MARK: "1"},
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"accelerate launch ended with exit code {done.returncode}")
