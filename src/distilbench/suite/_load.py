"""Reads a suite file, and says what is wrong with it in one sentence."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from distilbench.errors import FieldPath, InputError, one_sentence
from distilbench.suite._changes import UNCHANGED, Changes
from distilbench.suite._keys import refuse_keys
from distilbench.suite._suite import Suite
from distilbench.tasks import FileTask
from distilbench.yaml_file import YamlFile, read_yaml, refuse_truths, yaml_text

_SUITES = files("distilbench.suite") / "suites"


def load_suite(path: Path, changes: Changes = UNCHANGED) -> Suite:
    """Read and validate a suite, with changes from the command line made to it.

    Raises ``InputError`` naming the file, the field, the remedy.
    """
    file = _read(path)
    data = {"name": _file_name(path), **file.data}
    if changes:
        data = changes.apply(data, str(path))
        refuse_keys("the command line", yaml_text(data), data)
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise one_sentence(str(path), error, _lines(file, data)) from error
    refuse_truths(str(path), data, suite, _lines(file, data))
    tasks = tuple(t.within(path.parent) if isinstance(t, FileTask) else t for t in suite.tasks)
    return suite.model_copy(update={"tasks": tasks})


def suite_text(path: Path, changes: Changes = UNCHANGED) -> str:
    """Text of the suite that runs: the file's own, or with the changes made, as YAML."""
    if not changes:
        return _read(path).text
    data = changes.apply(_read(path).data, str(path))
    return f"# {path.name}, changed from the command line\n{yaml_text(data)}"


def _read(path: Path) -> YamlFile:
    if not path.is_file():
        raise InputError(str(path), "there is no such suite file", "make one: distilbench init")
    file = read_yaml(path, "'models:' and 'tasks:'")
    refuse_keys(str(path), file.text, file.data)
    return file


def _lines(file: YamlFile, data: dict[str, Any]) -> dict[FieldPath, int]:
    """Lines of what is validated as it stands in the file: no parts from the command line, and of
    lists that grow (a model for each quantization, a profile for each budget) the list's own."""
    grown = {
        name
        for name, field in (("models", "quantization"), ("profiles", "thinking_tokens"))
        for part in (data[name] if isinstance(data.get(name), list) else ())
        if isinstance(part, dict) and isinstance(part.get(field), list)
    }
    return {
        at: line
        for at, line in file.lines.items()
        if at
        and data.get(str(at[0])) == file.data.get(str(at[0]))
        and (len(at) == 1 or at[0] not in grown)
    }


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
