"""Which files of a Hugging Face folder are the model's weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from distilbench.architecture._split import model_files, refuse_missing
from distilbench.errors import InputError

_SINGLE, _INDEX = "model.safetensors", "model.safetensors.index.json"
# Mistral publishes its models twice in one folder: so named, and in Hugging Face's own form.
_CONSOLIDATED = "consolidated"


class WeightFiles(NamedTuple):
    """The safetensors files of a model, and the tensors that its index says they hold."""

    files: list[Path]
    promised: frozenset[str] = frozenset()


def weight_files(folder: Path) -> WeightFiles:
    """The safetensors files that make up the model, once; empty: there are none.

    Chosen as transformers chooses: one file, else the shards of the index; then what has another
    name. Adapters are no models. Raises ``InputError`` naming what is missing or in doubt.
    """
    if (folder / _SINGLE).is_file():
        return WeightFiles([folder / _SINGLE])
    if (folder / _INDEX).is_file():
        return files_of_index(folder / _INDEX)
    found = sorted(path for path in folder.glob("*.safetensors") if path.is_file())
    models = [path for path in found if not is_adapter_file(path.name)]
    if found and not models:
        raise InputError(
            str(folder), f"holds an adapter ({found[0].name}) and not the model that it adapts",
            "merge it into its base model (merge_and_unload) and give that folder",
        )  # fmt: skip
    rest = [path for path in models if not path.name.startswith(_CONSOLIDATED)] or models
    sets = {tuple(model_files(path)): None for path in rest}
    if len(sets) > 1:
        named = ", ".join(files[0].name for files in list(sets)[:5])
        raise InputError(
            str(folder), f"holds several models ({named})", "leave one there, or name its file"
        )
    return WeightFiles(list(next(iter(sets), ())))


def is_adapter_file(name: str) -> bool:
    """Whether a file is so named by PEFT (adapter_model) or MLX (adapters, 0000100_adapters)."""
    return name.startswith("adapter_") or name.endswith("adapters.safetensors")


def files_of_index(index: Path) -> WeightFiles:
    """The shards that ``index`` names. Raises ``InputError`` naming those that are missing."""
    try:
        shards = json.loads(index.read_text("utf-8"))["weight_map"]
        names = sorted({str(name) for name in shards.values()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise InputError(str(index), "is no index of shards", "download it again") from error
    if not names or any(Path(name).name != name for name in names):
        raise InputError(str(index), "names no shards beside it", "download it again")
    missing = [name for name in names if not (index.parent / name).is_file()]
    refuse_missing(missing, len(names), str(index.parent))
    return WeightFiles([index.parent / name for name in names], frozenset(shards))
