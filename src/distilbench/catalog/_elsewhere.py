"""Finds by content what others' machine-readable files of a folder say of models.

The files are strangers': read as data, and refused in one sentence where they are damaged.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.catalog._epoch import is_epoch, read_epoch
from distilbench.catalog._of_others import (
    front_matter,
    read_config,
    read_every_eval_ever,
    read_model_index,
    read_models_dev,
    read_prices,
)
from distilbench.catalog._stated import Stated
from distilbench.errors import InputError

_MOST_BYTES = 256 * 2**20
_SUFFIXES = (".csv", ".json", ".md", ".toml")


@dataclass(frozen=True)
class Elsewhere:
    """What a folder says. ``kinds``: what each file that was read is; ``unread``: the others;
    ``left_out``: what could not be compared, and why."""

    stated: tuple[Stated, ...]
    kinds: dict[str, str]
    unread: tuple[str, ...]
    left_out: tuple[str, ...]


def read_elsewhere(folder: Path) -> Elsewhere:
    """Every known file of a folder, in the order of their names.

    Raises ``InputError`` if there is no such folder, if a file is damaged, or if none is known.
    """
    if not folder.exists():
        raise InputError(str(folder), "there is no such folder", "check the path")
    paths = [folder] if folder.is_file() else sorted(p for p in folder.rglob("*") if p.is_file())
    base = folder.parent if folder.is_file() else folder
    stated: list[Stated] = []
    kinds: dict[str, str] = {}
    unread: list[str] = []
    left_out: list[str] = []
    for path in paths:
        if any(part.startswith(".") for part in path.relative_to(base).parts):
            continue
        name = str(path.relative_to(base))
        found = _known(path, name)
        if found is None:
            unread.append(name)
            continue
        kinds[name] = found[0]
        for one in found[1]:
            if isinstance(one, Stated):
                stated.append(one)
            else:
                left_out.append(one)
    if not kinds:
        raise InputError(
            str(folder),
            "holds no file that is known",
            "give Epoch's CSV tables, Every Eval Ever records, config.json, model cards with a"
            " model-index, llm-prices lists, or models.dev files",
        )
    return Elsewhere(tuple(stated), kinds, tuple(unread), tuple(left_out))


def _known(path: Path, name: str) -> tuple[str, Iterator[Stated | str]] | None:
    """What a file is and what it says; null: it is of no known kind."""
    if path.suffix.lower() not in _SUFFIXES:
        return None
    text = _text(path)
    if path.suffix.lower() == ".csv":
        return ("Epoch table", read_epoch(text, path, name)) if is_epoch(text) else None
    if path.suffix.lower() == ".md":
        front = front_matter(text)
        if front is None or not re.search(r"^model-index:", front, re.MULTILINE):
            return None
        return "model-index", read_model_index(front, path, name)
    if path.suffix.lower() == ".toml":
        data = _toml(text, path)
        known = "release_date" in data or "cost" in data
        return ("models.dev model", read_models_dev(data, path, name)) if known else None
    data = _json(text, path)
    if not isinstance(data, dict):
        return None
    for kind, fields, read in _JSON_KINDS:
        if all(field in data for field in fields):
            return kind, read(data, path, name)
    return None


def _text(path: Path) -> str:
    if path.stat().st_size > _MOST_BYTES:
        raise InputError(str(path), "is larger than 256 MiB", "give a part of it")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is not UTF-8", "save it as UTF-8") from error


def _json(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        at = f", line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputError(f"{path}{at}", "is not JSON", "get the file again, or remove it") from None


def _toml(text: str, path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InputError(str(path), f"is not TOML ({error})", "get the file again") from None


_JSON_KINDS: tuple[tuple[str, tuple[str, ...], Callable[..., Iterator[Stated | str]]], ...] = (
    ("Every Eval Ever record", ("schema_version", "model_info", "evaluation_results"),
     read_every_eval_ever),
    ("llm-prices list", ("vendor", "models"), read_prices),
    ("config.json", ("model_type",), read_config),
)  # fmt: skip
