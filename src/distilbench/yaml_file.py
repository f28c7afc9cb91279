"""The one reader of YAML, and its writer: suites, recipes, experiments and cards.

It reads YAML as its version 1.2 does, as JSON's types: ``yes`` and ``no``, dates and ``1:30`` are
text (which fields that are truth values or dates understand), ``1e3`` is a number, keys are text.
What two readers would take for different things is refused with its line: a key given twice, a
number with a leading zero, two documents in one file. Every size is bounded, since files come from
others. ``lines`` says where each field stands, so that a schema's complaint names the line too.
What is written here reads back as the same values.
"""

from __future__ import annotations

import codecs
import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ValidationError

from distilbench.errors import FieldPath, InputError, one_sentence

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOST_BYTES = 8 * 2**20
_MOST_DEPTH = 50
_MOST_VALUES = 500_000
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False
}  # fmt: skip
_WHOLE = re.compile(r"[-+]?[0-9][0-9_]*")
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+")
_NUMBER = re.compile(r"[-+]?(\.[0-9]+|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NO_TEXT = (_WHOLE, _BASED, _LEADING_ZERO, _NUMBER, _NOT_FINITE)
_BREAKS = re.compile(r"[\x80-\x9f\u2028\u2029\ufeff]")  # what only double quotes escape
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
Record = TypeVar("Record", bound=BaseModel)
HomePath = Annotated[Path, AfterValidator(lambda path: Path(os.path.expanduser(path)))]
"""A path in a file, in which ``~`` is the home folder."""


@dataclass(frozen=True)
class YamlFile:
    """A file's mapping, and the line (from 1) of each field by its path."""

    where: str
    text: str
    data: dict[str, Any]
    lines: Mapping[FieldPath, int]

    def validated(self, kind: type[Record], at: FieldPath = ()) -> Record:
        """The file, or its part ``at``, as a record. Raises ``InputError`` naming file, line and
        field."""
        data: Any = self.data
        for part in at:
            data = data[part]
        try:
            record = kind.model_validate(data)
        except ValidationError as error:
            raise one_sentence(self.where, error, self.lines, at) from error
        refuse_truths(self.where, data, record, self.lines, at)
        return record


def read_yaml(path: Path, start: str) -> YamlFile:
    """Read a file whose whole is one mapping; ``start`` is what to begin with where it holds none.

    Raises ``InputError`` with file, line and remedy; ``OSError`` if it cannot be read.
    """
    where = str(path)
    with path.open("rb") as file:
        raw = file.read(_MOST_BYTES + 1)
    if len(raw) > _MOST_BYTES:
        raise InputError(
            where, f"is larger than {_MOST_BYTES // 2**20} MiB", "put data in files of their own"
        )
    return parse_yaml(_decoded(raw, where), start, where)


def parse_yaml(text: str, start: str, where: str) -> YamlFile:
    """The same for text that has been read; ``where`` names it in errors.

    >>> parse_yaml("runs: 1e3\\nbase: no", "runs:", "a.yaml").data
    {'runs': 1000.0, 'base': 'no'}
    """
    try:
        _check_events(text, where)
        node = yaml.compose(text, Loader=_Loader)
    except yaml.YAMLError as error:
        raise _not_yaml(error, where) from error
    if not isinstance(node, yaml.MappingNode):
        raise InputError(where, "holds no mapping", f"start with {start}")
    building = _Building(where)
    data = building.value(node, ())
    return YamlFile(where, text, data, building.lines)


def read_given(
    given: BaseModel | Mapping[str, Any] | Path | str, what: str, start: str, remedy: str
) -> tuple[YamlFile, Path]:
    """A file by its path, or what a program gives in its place (a record, or a mapping of JSON's
    types and records), and the folder where its relative paths start.

    What is given is written and read back, so that it is checked as a file is, and what is kept of
    it says the same. ``what``: the kind of file; ``start``: as for :func:`read_yaml`; ``remedy``:
    where there is no such file. Raises ``InputError``.
    """
    if isinstance(given, str | Path):
        path = Path(given)
        if not path.is_file():
            raise InputError(str(path), f"there is no such {what} file", remedy)
        return read_yaml(path, start), path.parent
    file = parse_yaml(yaml_text(_plain(given, what, ())), "its fields", what)
    return YamlFile(what, file.text, file.data, {}), Path()


def _plain(value: Any, where: str, at: FieldPath) -> Any:
    """Records as mappings of what was set, paths and dates as text."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(part, where, (*at, str(key))) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part, where, (*at, index)) for index, part in enumerate(value)]
    if isinstance(value, Path | date):
        return str(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    remedy = "give a number, text, a list, a dict, or a part of distilbench"
    raise InputError(f"{where}: field {dotted(at)!r}", f"is a {type(value).__name__}", remedy)


def yaml_text(data: Mapping[str, Any] | Sequence[Any]) -> str:
    """Data of JSON's types as YAML that :func:`parse_yaml` takes for the same.

    >>> print(yaml_text({"name": "1e3", "seeds": [1, 2]}), end="")
    name: '1e3'
    seeds:
    - 1
    - 2
    """
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


class _Dumper(yaml.SafeDumper):
    """PyYAML quotes what version 1.1 would not take for text; here, what 1.2 would not either."""

    def represent_text(self, text: str) -> yaml.ScalarNode:
        taken = text in _WORDS or any(kind.fullmatch(text) for kind in _NO_TEXT)
        style = "'" if taken else '"' if _BREAKS.search(text) else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _Dumper.represent_text)


def _decoded(raw: bytes, where: str) -> str:
    name = next((name for bom, name in _BOMS.items() if raw.startswith(bom)), "utf-8")
    try:
        text = raw.decode(name)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise _refused(where, line, "is not UTF-8", "save the file as UTF-8") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _refused(where, line, "holds a NUL byte", "save the file as UTF-8 text")
    return text


def _check_events(text: str, where: str) -> None:
    """Bounds and doubts that are gone once the tree is built. Builds nothing itself."""
    depth = documents = 0
    anchors: dict[str, int] = {}
    for count, event in enumerate(yaml.parse(text, Loader=_Loader)):
        line = event.start_mark.line + 1 if event.start_mark else 0
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if depth > _MOST_DEPTH:
            raise _refused(where, line, f"is nested over {_MOST_DEPTH} deep", "nest it less")
        if count > _MOST_VALUES:
            raise _refused(where, line, f"is past {_MOST_VALUES:,} values", "shorten the file")
        if documents > 1:
            raise _refused(where, line, "begins a second document", "make it a file of its own")
        if isinstance(event, yaml.NodeEvent) and not isinstance(event, yaml.AliasEvent):
            _check_node(event, line, where, anchors)


def _check_node(event: Any, line: int, where: str, anchors: dict[str, int]) -> None:
    if event.tag not in (None, "!"):
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        raise _refused(where, line, f"has the tag {tag!r}", "remove it; text goes in quotes")
    if not event.anchor:
        return
    if event.anchor in anchors:
        problem = f"gives the anchor {event.anchor!r} that line {anchors[event.anchor]} gave"
        raise _refused(where, line, problem, "rename one")
    anchors[event.anchor] = line


class _Building:
    """Python's values of a tree of nodes, and the line of each."""

    def __init__(self, where: str) -> None:
        self._where, self._count = where, 0
        self._within: list[int] = []
        self.lines: dict[FieldPath, int] = {}

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        self._count += 1
        if self._count > _MOST_VALUES:  # a few aliases of aliases are billions of values
            problem = f"is past {_MOST_VALUES:,} values, with aliases written out"
            raise _refused(self._where, line, problem, "use fewer aliases")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        if id(node) in self._within:
            raise _refused(
                self._where, line, "holds an alias of itself", "write the values in its place"
            )
        if len(self._within) >= _MOST_DEPTH:
            raise _refused(self._where, line, f"is nested over {_MOST_DEPTH} deep", "nest it less")
        self._within.append(id(node))
        made = self._mapping(node, path) if isinstance(node, yaml.MappingNode) else [
            self.value(item, (*path, index)) for index, item in enumerate(node.value)
        ]  # fmt: skip
        self._within.pop()
        return made

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        merging = 0
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise _refused(self._where, line, "has a key that is no text", "write 'key: value'")
            key = self._text(key_node)
            if key == "<<" and not key_node.style:
                if merging:
                    problem = f"'<<' stands twice, on lines {merging} and {line}"
                    raise _refused(self._where, line, problem, "write one: <<: [*first, *second]")
                merging = line
                merged = {**self._merge(value_node, path), **merged}
                continue
            at = (*path, key)
            if key in own:
                problem = f"field {dotted(at)!r} stands twice, on lines {self.lines[at]} and {line}"
                raise _refused(self._where, line, problem, "remove one")
            self.lines[at] = line
            own[key] = self.value(value_node, at)
        return {**merged, **own}

    def _merge(self, node: yaml.Node, path: FieldPath) -> dict[str, Any]:
        """What ``<<: *defaults`` brings; of a list of mappings the first one has its way."""
        parts = node.value if isinstance(node, yaml.SequenceNode) else [node]
        made: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, yaml.MappingNode):
                line = node.start_mark.line + 1
                raise _refused(self._where, line, "'<<' merges no mapping", "name one: <<: *name")
            kept = {at: line for at, line in self.lines.items() if at[: len(path)] == path}
            made = {**self.value(part, path), **made}
            self.lines.update(kept)
        return made

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        text = self._text(node)
        if node.style or node.tag == "!":  # in quotes, or a block of text
            return text
        line = node.start_mark.line + 1
        if text in _WORDS:
            return _WORDS[text]
        if _LEADING_ZERO.fullmatch(text):
            remedy = "write it without the zero, or in quotes if it is text"
            raise _refused(self._where, line, f"{text} is octal to some readers", remedy)
        if _BASED.fullmatch(text):
            return int(text, 0)
        if not (_NUMBER.fullmatch(text) or _NOT_FINITE.fullmatch(text)):
            return text
        plain = text.replace("_", "")
        if _WHOLE.fullmatch(text) and len(text) < 4_000:  # Python converts no more
            return int(plain)
        number = math.nan if _NOT_FINITE.fullmatch(text) else float(plain)
        if not math.isfinite(number):
            raise _refused(
                self._where, line, f"{text[:40]} is no finite number", "leave the field out"
            )
        return number

    def _text(self, node: yaml.ScalarNode) -> str:
        text = str(node.value)
        found = _CONTROL.search(text)
        if found:
            problem = f"holds the control character {found[0]!r}"
            raise _refused(self._where, node.start_mark.line + 1, problem, "remove it")
        return text


def refuse_truths(
    where: str, data: Any, record: Any, lines: Mapping[FieldPath, int], at: FieldPath = ()
) -> None:
    """Raise ``InputError`` where a file says true or false and the record, as pydantic takes it,
    holds 1 or 0."""
    if isinstance(data, bool) and isinstance(record, int | float) and not isinstance(record, bool):
        place = f"{where}, line {lines[at]}" if at in lines else where
        said = "true" if data else "false"
        raise InputError(place, f"field {dotted(at)!r} is {said}", "give a number")
    if isinstance(data, dict):
        for key, value in data.items():
            made = record.get(key) if isinstance(record, dict) else getattr(record, key, None)
            refuse_truths(where, value, made, lines, (*at, key))
    elif isinstance(data, list) and isinstance(record, list | tuple):
        for index, (value, made) in enumerate(zip(data, record, strict=False)):
            refuse_truths(where, value, made, lines, (*at, index))


def dotted(path: FieldPath) -> str:
    """A field's path as people write it.

    >>> dotted(("tasks", 0, "file"))
    'tasks[0].file'
    """
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _refused(where: str, line: int, problem: str, remedy: str) -> InputError:
    return InputError(f"{where}, line {line}", problem, remedy)


def _not_yaml(error: yaml.YAMLError, where: str) -> InputError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    reason = getattr(error, "problem", None) or " ".join(str(error).split())
    place = f"{where}, line {mark.line + 1}" if mark else where
    return InputError(place, f"is not YAML ({reason})", "mend the syntax (spaces, no tabs)")
