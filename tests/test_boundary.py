"""Whatever ends a command is one sentence and an exit code: every command, every fault."""

from __future__ import annotations

import ast
import errno
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from distilbench import cli
from distilbench.cli import app
from distilbench.cli._boundary import need, run_command
from distilbench.errors import InputError
from tests.tiny_gguf import tiny_gguf

FAULTS: dict[str, tuple[BaseException, int, str]] = {
    "missing": (FileNotFoundError(errno.ENOENT, "", "q[1].jsonl"), 2, "q[1].jsonl: no such file"),
    "no right": (PermissionError(errno.EACCES, "", "/x"), 2, "/x: permission denied"),
    "a file": (NotADirectoryError(errno.ENOTDIR, "", "/x"), 2, "name a folder"),
    "in the way": (FileExistsError(errno.EEXIST, "", "/x"), 2, "/x: file exists"),
    "full": (OSError(errno.ENOSPC, ""), 2, "free space"),
    "full, of Rust": (RuntimeError("write (os error 28)"), 2, "free space"),
    "read-only": (OSError(errno.EROFS, "", "/x"), 2, "read-only"),
    "no torch": (ModuleNotFoundError("", name="torch.nn"), 2, "pip install 'distilbench[distill]'"),
    "no ray": (ModuleNotFoundError("", name="ray"), 2, "pip install 'distilbench[ray]'"),
    "no evals": (ModuleNotFoundError("", name="inspect_evals"), 2, "'distilbench[benchmarks]'"),
    "memory": (MemoryError(), 2, "memory ran out"),
    "input": (InputError("a[b].yaml", "is \x1b[2Jbad", "mend"), 2, "a[b].yaml: is \\x1b[2Jbad"),
    "Ctrl-C": (KeyboardInterrupt(), 130, "stopped:"),
    "our own": (KeyError("x"), 1, "report it"),
}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


TREE = typer.main.get_command(app)
ALL = [path for path, _ in commands(TREE)]


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("fault", FAULTS)
def test_every_command_ends_in_a_sentence(
    path: tuple[str, ...],
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error, code, said = FAULTS[fault]
    command = dict(commands(TREE))[path]

    def invoke(_: Any) -> None:
        raise error

    monkeypatch.setattr(command, "params", [])
    monkeypatch.setattr(command, "invoke", invoke)
    monkeypatch.setattr(typer.main, "get_command", lambda _: TREE)
    assert run_command(app, path) == code
    err = capsys.readouterr().err
    assert said in err
    assert "\x1b" not in err
    assert ("Traceback" in err) == (fault == "our own")
    if code == 2:
        assert err.count("\n") == 1


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_refuses_files_that_are_not_there(
    path: tuple[str, ...], tmp_path: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Its real body, with a name that is nothing for all it must be given."""
    monkeypatch.chdir(tmp_path)
    command = dict(commands(TREE))[path]
    needed = [p for p in command.params if p.required]
    if not needed:
        pytest.skip("needs nothing")
    given = []
    for parameter in needed:
        given += ([parameter.opts[0]] if parameter.opts[0].startswith("-") else []) + ["nothing[b]"]
    assert run_command(app, [*path, *given]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("word", "said"), [("--version", "distilbench 0"), ("-h", "Usage")])
def test_version_and_help(word: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(app, [word]) == 0
    assert said in capsys.readouterr().out


def test_no_markup_in_usage_errors(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["bogus"], ["fit", "--bad"], ["run"], ["card", "new"], ["run", "--limit=x"]):
        assert run_command(app, arguments) == 2
        assert "[b" not in capsys.readouterr().err


def test_an_extra_is_missed_before_anything_is_made() -> None:
    need("json")
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        need("json", "no_such_module")


def test_every_command_has_a_body() -> None:
    assert all(inspect.isfunction(c.callback) for _, c in commands(TREE))


WAYS_OUT = {"_print.py", "_counts.py", "_boundary.py"}
"""Modules whose lines hold no text of strangers that steers a terminal."""


@pytest.mark.parametrize(
    "file", sorted(Path(cli.__file__).parent.glob("*.py")), ids=lambda p: p.name
)
def test_no_command_prints_for_itself(file: Path) -> None:
    names = {
        node.id for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Name)
    }
    assert ("print" in names) == (file.name in WAYS_OUT)


def test_a_name_does_not_steer_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    name = "a\x1b[2J\u202eb"
    assert run_command(app, ["init", f"{name}/suite.yaml"]) == 0
    tiny_gguf(tmp_path / f"{name}.gguf")
    assert run_command(app, ["card", "new", f"{name}.gguf", "--out", f"{name}.yaml"]) == 0
    assert run_command(app, ["tasks", name]) == 0
    out = capsys.readouterr().out
    assert out.count("\\x1b[2J\\u202eb") >= 4
    assert not {"\x1b", "\u202e"} & set(out)
