"""Reads a suite file, and says what is wrong with it in one sentence."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from distilbench.errors import InputError, one_sentence
from distilbench.suite._changes import UNCHANGED, Changes
from distilbench.suite._keys import refuse_keys
from distilbench.suite._suite import Suite
from distilbench.tasks import FileTask

_SUITES = files("distilbench.suite") / "suites"


def load_suite(path: Path, changes: Changes = UNCHANGED) -> Suite:
    """Read and validate a suite, with changes from the command line made to it.

    Raises ``InputError`` naming the file, the field, the remedy.
    """
    data = _read(path)
    data.setdefault("name", _file_name(path))
    if changes:
        data = changes.apply(data, str(path))
        refuse_keys("the command line", yaml.safe_dump(data), data)
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise one_sentence(str(path), error) from error
    tasks = tuple(t.within(path.parent) if isinstance(t, FileTask) else t for t in suite.tasks)
    return suite.model_copy(update={"tasks": tasks})


def suite_text(path: Path, changes: Changes = UNCHANGED) -> str:
    """Text of the suite that runs: the file's own, or with the changes made, as YAML."""
    if not changes:
        return path.read_text("utf-8")
    data = changes.apply(_read(path), str(path))
    return f"# {path.name}, changed from the command line\n" + yaml.safe_dump(
        data, sort_keys=False, allow_unicode=True
    )


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(str(path), "there is no such suite file", "make one: distilbench init")
    try:
        text = path.read_text("utf-8")
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date as 2025-13-45
        reason = " ".join(str(error).split())
        raise InputError(str(path), f"is not YAML ({reason})", "mend the syntax") from error
    if not isinstance(data, dict):
        raise InputError(str(path), "holds no mapping", "start with 'models:' and 'tasks:'")
    refuse_keys(str(path), text, data)
    return data


def packaged_suite(name: str) -> str:
    """Text of a suite that comes with the package: ``template``, ``demo`` or ``paper``."""
    return (_SUITES / f"{name}.yaml").read_text("utf-8")


def json_schema() -> dict[str, Any]:
    """JSON Schema of the suite file, for editors (``# yaml-language-server: $schema=...``)."""
    schema = Suite.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "distilbench suite"
    return schema


def _file_name(path: Path) -> str:
    cleaned = "".join(c if c.isalnum() or c in "._-" else "-" for c in path.stem)
    return cleaned.lstrip("._-") or "suite"
