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
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from distilbench.distill.data import Texts
from distilbench.distill.recipe import Recipe
from distilbench.errors import InputError
from distilbench.files import write_json
from distilbench.source import Source
from distilbench.yaml_file import read_yaml

_MARK = "DISTILBENCH_LAUNCHED"
REFUSAL = "refusal.json"
"""Where rank 0 leaves the input error that ended it, for the process that launched it."""


def is_launched() -> bool:
    """Whether this is a process of a training that is under way."""
    return _MARK in os.environ


def ranks() -> int:
    """Processes that train together."""
    return int(os.environ.get("WORLD_SIZE", "1")) if is_launched() else 1


def is_main() -> bool:
    """Whether this process writes what all of them made."""
    return not is_launched() or os.environ.get("RANK", "0") == "0"


def check_accelerate(recipe: Recipe, folder: Path, where: str) -> None:
    """Raises ``InputError`` if the recipe's accelerate configuration is not there, or shards what
    could not be put together again."""
    if recipe.accelerate is None:
        return
    file = folder / recipe.accelerate
    where = f"{where}: field 'accelerate'"
    if not file.is_file():
        raise InputError(where, f"there is no file {file}", "make one: accelerate config")
    settings = read_yaml(file, "compute_environment:").data
    if settings.get("distributed_type") == "MULTI_CPU":
        raise InputError(
            where, f"{file} is for MULTI_CPU, for which accelerate launch starts one process",
            "train on the CPU without 'accelerate', or use distributed_type: MULTI_GPU or FSDP",
        )  # fmt: skip
    if recipe.training.eval_steps is not None:
        raise InputError(
            where, "a training is judged in between in one process only",
            "train without 'accelerate', or without 'training.eval_steps'",
        )  # fmt: skip
    if any(trial.hidden for _, trial in recipe.trials()):
        raise InputError(
            where, "hidden states are compared in one process only",
            "train without 'accelerate', or without the hidden losses of 'distillation.losses'",
        )  # fmt: skip
    if settings.get("distributed_type") != "FSDP":
        return
    if recipe.training.lora:
        raise InputError(
            where, f"{file} shards the weights (FSDP), and adapters are merged whole",
            "train without 'lora', or use distributed_type: MULTI_GPU",
        )  # fmt: skip
    sharding = settings.get("fsdp_config") or {}
    if not isinstance(sharding, dict):
        raise InputError(where, f"{file} has no mapping in 'fsdp_config'", "make it anew")
    kind = sharding.get("fsdp_state_dict_type", "FULL_STATE_DICT")
    if kind != "FULL_STATE_DICT":
        raise InputError(
            where, f"{file} saves the weights in parts ({kind})",
            "set fsdp_state_dict_type: FULL_STATE_DICT",
        )  # fmt: skip


def check_vllm(recipe: Recipe, where: str) -> None:
    """Raises ``InputError`` if vLLM is to write the student's text and cannot here."""
    vllm = recipe.distillation.vllm
    if vllm is None:
        return
    where = f"{where}: field 'distillation.vllm'"
    if find_spec("vllm") is None:
        raise InputError(
            where, "vLLM is not installed", "pip install 'trl[vllm]' on a machine with a GPU"
        )
    import torch

    if vllm.mode == "colocate" and not torch.cuda.is_available():
        raise InputError(
            where, "vLLM needs a GPU beside the training, and there is none",
            "drop it, or write 'mode: server' and 'server_base_url'",
        )  # fmt: skip


def check_started(recipe: Recipe, folder: Path) -> None:
    """In a launched process: raises ``InputError`` if fewer were started than the configuration
    asks for, which accelerate does not always say."""
    file = folder / str(recipe.accelerate)
    asked = read_yaml(file, "compute_environment:").data.get("num_processes")
    if isinstance(asked, int) and asked > ranks():
        raise InputError(
            f"{file}: field 'num_processes'",
            f"asks for {asked} processes, and accelerate launch started {ranks()}",
            "correct 'num_processes' or 'distributed_type' (accelerate config makes the file anew)",
        )


def launch(
    recipe: Recipe,
    teacher: Source | None,
    folder: Path,
    place: Path,
    number: int,
    texts: Texts,
    logits: list[str] | None,
) -> None:
    """Train one trial in the processes of the recipe's accelerate configuration, and wait. Raises
    the ``InputError`` of the first of them, if it is one that ended them."""
    data = recipe.model_dump(mode="json")
    if data["teacher"] and data["teacher"]["recipe"]:
        data["teacher"] |= {"recipe": None, "source": str(teacher)}
    job, refusal = place / "job.json", place / REFUSAL
    facts: dict[str, Any] = {
        "recipe": data,
        "folder": str(folder.resolve()),
        "place": str(place.resolve()),
        "number": number,
        "texts": [list(group) for group in texts],
        "logits": logits,
    }
    write_json(job, facts)
    refusal.unlink(missing_ok=True)
    config = str((folder / str(recipe.accelerate)).resolve())
    command = [sys.executable, "-m", "accelerate.commands.launch", "--config_file", config]
    done = subprocess.run(
        [*command, "-m", "distilbench.distill.training._launched", str(job)],
        env={**os.environ, _MARK: "1"},
        check=False,
    )
    if refusal.is_file():
        raise InputError(*json.loads(refusal.read_text("utf-8")))
    if done.returncode != 0:
        raise RuntimeError(f"accelerate launch ended with exit code {done.returncode}")
