"""``--json``: nothing but one JSON document on standard output, of every command that has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from tests.test_boundary import commands
from tests.test_real_faults import LONG, WORDS, place, whole

__all__ = ["place", "whole"]  # fixtures

WITHOUT = {
    "init", "report", "schema", "serve", "view", "card new", "cancel", "figure", "paper", "table",
}  # fmt: skip
"""What prints no table: a line, or JSON anyway."""
WITH = [
    " ".join(path)
    for path, command in commands(typer.main.get_command(app))
    if any("--json" in parameter.opts for parameter in command.params)
]
# Other ways through a command than that of WORDS.
MORE = {
    "tasks": ["", "no-such-task"],
    "catalog": ["", "no-such-card"],
    "catalog check": ["epoch.csv"],
    "accelerators": ["", "h100"],
    "fit": ["model.gguf --memory 1GiB --context 512 --context 1024"],
    "recommend": ["runs", "runs --min-accuracy 1"],
    "break-even": ["runs --scope student"],
    "models": [""],
    "diff": ["runs other", "other runs --pair two=one --strict"],
}


def test_every_command_that_prints_a_table_has_it() -> None:
    assert {*WITH} == set(WORDS) - WITHOUT


@pytest.mark.parametrize(
    ("command", "words"),
    [
        *((command, WORDS[command]) for command in WITH if command not in LONG),
        *((command, words) for command, several in MORE.items() for words in several),
    ],
)
def test_json_alone(
    command: str, words: str, place: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = run_command(app, [*command.split(), *words.split(), "--json"])
    out, err = capfd.readouterr()
    assert code == 0 or words != WORDS.get(command), err
    if code == 2:  # a sentence, and no half of a document
        assert out == ""
        assert err.splitlines()[-1].startswith("error: ")
    else:
        assert isinstance(json.loads(out), dict | list)
        assert "NaN" not in out


def alone(words: str, folder: Path) -> dict[str, object]:
    """What a process of its own prints, with those that it starts."""
    command = [sys.executable, "-m", "distilbench", *words.split(), "--json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.model
def test_json_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "q.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    (tmp_path / "suite.yaml").write_text(
        "name: t\nmodels: [pypi:smollm2-135m-instruct]\ntasks: [{file: q.jsonl}]\n"
        "limits: {max_tokens: 4}\n"
    )
    for _ in range(2):  # the second finds all finished
        found = alone("run suite.yaml", tmp_path)
        assert found["cells"] == {"planned": 1, "finished": 1}


@pytest.mark.model
def test_json_of_an_experiment(place: Path) -> None:
    found = alone("experiment distil-vs-vanilla --config experiment.yaml --out out", place)
    assert (place / str(found["report"])).is_file()
