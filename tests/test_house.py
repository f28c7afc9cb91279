"""What holds of the source itself: sizes, and examples that are true. Rooms, private modules and
circles of imports are import-linter's."""

from __future__ import annotations

import ast
import doctest
import importlib
from pathlib import Path

import pytest

import distilbench

SOURCE = Path(distilbench.__file__).parent
MOST_LINES, MOST_IN_FUNCTION = 350, 45


def test_no_file_is_long() -> None:
    lengths = {_name(file): file.read_text("utf-8").count("\n") for file in _files()}
    assert [name for name, lines in lengths.items() if lines > MOST_LINES] == []


def test_no_function_is_long() -> None:
    functions = [
        (f"{_name(file)}::{node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for file in _files()
        for node in ast.walk(ast.parse(file.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(functions) > 1000
    assert [name for name, lines in functions if lines > MOST_IN_FUNCTION] == []


def _files() -> list[Path]:
    return sorted(SOURCE.rglob("*.py"))


def _name(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


WITH_EXAMPLES = [file for file in _files() if ">>>" in file.read_text("utf-8")]


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=_name)
def test_examples_in_docstrings_are_true(file: Path) -> None:
    name = ".".join(("distilbench", *file.relative_to(SOURCE).with_suffix("").parts))
    done = doctest.testmod(
        importlib.import_module(name.removesuffix(".__init__")),
        optionflags=doctest.NORMALIZE_WHITESPACE,
    )
    assert done.attempted
    assert not done.failed, f"pytest --doctest-modules {file}"


def test_the_files_that_come_first_are_there() -> None:
    from tests.conftest import LONGEST

    here = {path.stem for path in Path(__file__).parent.glob("test_*.py")}
    assert [name for name in LONGEST if name not in here] == []
    assert len(LONGEST) == len(set(LONGEST))
