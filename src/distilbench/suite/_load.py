"""Reads a suite, and says what is wrong with it in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from distilbench.errors import FieldPath, one_sentence
from distilbench.source import plain_name
from distilbench.suite._changes import UNCHANGED, Changes
from distilbench.suite._keys import refuse_keys
from distilbench.suite._suite import Suite
from distilbench.tasks import FileTask
from distilbench.yaml_file import YamlFile, read_given, refuse_truths, yaml_text

SuiteLike = Suite | Mapping[str, Any] | Path | str
_SUITES = files("distilbench.suite") / "suites"


@dataclass(frozen=True)
class GivenSuite:
    """A suite as somebody gave it: in a file, as data, or made of its parts."""

    suite: Suite
    text: str
    """Of the suite that runs, as YAML: the file's own, or with the changes made."""
    folder: Path
    """Where relative paths start: the file's folder, or the current one."""
    where: str
    """What errors call it."""


def read_suite(given: SuiteLike, changes: Changes = UNCHANGED) -> GivenSuite:
    """Read and validate a suite, with changes from the command line made to it: a file, its data as
    a dict, or a ``Suite``.

    Raises ``InputError`` naming the file, the field, the remedy.
    """
    file, folder = _read(given)
    data = {"name": plain_name(Path(file.where).stem, "suite"), **file.data}
    if changes:
        data = changes.apply(data, file.where)
        refuse_keys("the command line", yaml_text(data), data)
    lines = _lines(file, data)
    try:
        suite = Suite.model_validate(data)
    except ValidationError as error:
        raise one_sentence(file.where, error, lines) from error
    refuse_truths(file.where, data, suite, lines)
    tasks = tuple(t.within(folder) if isinstance(t, FileTask) else t for t in suite.tasks)
    text = file.text
    if changes:
        text = f"# {Path(file.where).name}, changed from the command line\n{yaml_text(data)}"
    return GivenSuite(suite.model_copy(update={"tasks": tasks}), text, folder, file.where)


def load_suite(given: SuiteLike, changes: Changes = UNCHANGED) -> Suite:
    """The suite alone: :func:`read_suite`."""
    return read_suite(given, changes).suite


def _read(given: SuiteLike) -> tuple[YamlFile, Path]:
    remedy = "make one: distilbench init"
    file, folder = read_given(given, "suite", "'models:' and 'tasks:'", remedy)
    refuse_keys(file.where, file.text, file.data)
    return file, folder


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
