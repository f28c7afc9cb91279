"""The command line as a user meets it: its output, its exit code."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.place import Place

COMMANDS = ("run", "report", "models", "tasks", "doctor", "init", "reproduce", "compute", "compare")
SECRET = "sk-planted-0123456789"


def distilbench(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command without a process of its own, whose imports would take most of its time."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, {"OPENAI_API_KEY": SECRET, "COLUMNS": "200"}),
        chdir(cwd or Path.cwd()),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = run_command(app, words)
    return subprocess.CompletedProcess(words, code, out.getvalue(), err.getvalue())


def in_a_process(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OPENAI_API_KEY": SECRET, "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "distilbench", *words],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=120,
        check=False,
    )


def as_json(*words: str) -> Any:
    done = distilbench(*words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    done = in_a_process("--help")
    assert done.returncode == 0
    for command in COMMANDS:
        assert f"  {command} " in done.stdout
    heavy = ["inspect_ai", "polars", "altair", "numpy", "reasoning_gym", "torch", "pydantic"]
    script = (
        "import sys\nimport distilbench.cli\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert loaded.stdout.strip() == "[]"


def test_the_shell_completes_commands() -> None:
    """As bash asks it: '--show-completion' would guess the shell from its parent process."""
    asked = {"_DISTILBENCH_COMPLETE": "complete_bash", "COMP_WORDS": "distilbench rep"}
    done = subprocess.run(
        [Path(sys.executable).with_name("distilbench")],
        capture_output=True,
        text=True,
        env={**os.environ, **asked, "COMP_CWORD": "1"},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["report", "reproduce"]


@pytest.mark.parametrize(
    ("words", "named", "remedy"),
    [
        (("run", "none.yaml"), "none.yaml", "distilbench init"),
        (("run",), "suite.yaml", "distilbench init"),
        (("run", "--dry-run"), "suite.yaml", "distilbench init"),
        (("report", "nowhere"), "nowhere", "folder of a run"),
        (("models", "inspect", "pypi:unknown"), "pypi:unknown", "gemma-3-270m"),
        (("models", "inspect", "none.gguf"), "none.gguf", "path"),
        (("compute", "llama-3.1-9b"), "llama-3.1-9b", "llama-3.1-8b"),
        (("fit", "llama-3.1-8b", "--slots", "0"), "--slots: is 0", "1"),
        (("fit", "llama-3.1-8b", "--context", "10"), "--context: is 10", "64"),
        (("recommend", "runs", "--max-latency-s", "nan"), "--max-latency-s: is nan", "above zero"),
        (
            ("recommend", "runs", "--max-usd-per-1000", "0"),
            "--max-usd-per-1000: is 0",
            "above zero",
        ),
        (("recommend", "runs", "--weight", "energy"), "--weight: is 'energy'", "energy=0.2"),
        (("break-even", "runs", "--answers", "0"), "--answers: is 0", "from 1 on"),
        (("recommend", "runs", "--max-flops", "1e400"), "--max-flops: is inf", "leave it out"),
        (
            (
                "distil-or-train",
                "--budget",
                "1e20",
                "--student",
                "0",
                "--teacher",
                "1e9",
                "--teacher-tokens",
                "1e10",
            ),
            "student_parameters: is 0.0",
            "above zero",
        ),
        (("fit", "llama-3.1-8b", "--memory", "300"), "--memory: is '300'", "as 300MiB"),
        (("fit", "llama-3.1-8b", "--memory", "0"), "--memory: is '0'", "as 300MiB"),
        (("fit", "llama-3.1-8b", "--memory", "-1"), "--memory: is '-1'", "as 300MiB"),
        (("fit", "llama-3.1-8b", "--memory", "nan"), "--memory: is 'nan'", "as 300MiB"),
        (("serve", "none.gguf", "--slots", "300"), "--slots: is 300", "256"),
        (("serve", "none.gguf", "--memory", "0"), "--memory", "2GiB"),
        (("load", "none.gguf", "--most", "300"), "300 concurrent", "--most"),
        (("load", "none.gguf", "--concurrency", "4,300"), "300 concurrent", "--concurrency"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    tmp_path: Path, words: tuple[str, ...], named: str, remedy: str
) -> None:
    done = distilbench(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert named in done.stderr
    assert remedy in done.stderr
    assert not done.stdout


def test_the_exit_code_and_the_sentence_are_the_process_s_too(tmp_path: Path) -> None:
    words = ("run", "none.yaml")
    done, within = in_a_process(*words, cwd=tmp_path), distilbench(*words, cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", within.stderr)
    assert within.returncode == 2


def test_what_failed_is_told_also_where_no_report_can_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distilbench.runner import RunResult

    died = "m under p: worker ended with exit code 1, see m--p.log"
    monkeypatch.setattr(
        "distilbench.runner.run_suite",
        lambda *_: RunResult(tmp_path, Place(tmp_path), 0, 1, (died,)),
    )
    done = CliRunner().invoke(app, ["run", "suite.yaml", "--json"])
    assert done.exit_code != 0
    assert f"failed: {died}" in done.stderr


def test_init_writes_a_suite_that_run_accepts_and_never_overwrites(tmp_path: Path) -> None:
    from distilbench.suite import load_suite

    assert distilbench("init", "mine.yaml", cwd=tmp_path).returncode == 0
    written = (tmp_path / "mine.yaml").read_text()
    assert load_suite(tmp_path / "mine.yaml").name == "mine"
    again = distilbench("init", "mine.yaml", cwd=tmp_path)
    assert again.returncode == 2
    assert (tmp_path / "mine.yaml").read_text() == written
    assert distilbench("init", "new/folder/mine.yaml", cwd=tmp_path).returncode == 0
    assert (tmp_path / "new" / "folder" / "mine.yaml").read_text() == written
    under_a_file = distilbench("init", "mine.yaml/suite.yaml", cwd=tmp_path)
    assert under_a_file.returncode == 2
    assert under_a_file.stderr.startswith("error: mine.yaml: file exists; name another")


def test_init_of_a_recipe_with_a_second_file_overwrites_neither(tmp_path: Path) -> None:
    (tmp_path / "fsdp-8.yaml").write_text("mine")
    refused = distilbench("init", "eight.yaml", "--recipe", "eight-gpus", cwd=tmp_path)
    assert refused.returncode == 2
    assert "fsdp-8.yaml: the file exists" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["fsdp-8.yaml"]
    assert (tmp_path / "fsdp-8.yaml").read_text() == "mine"
    assert distilbench("init", "new/eight.yaml", "--recipe", "eight-gpus", cwd=tmp_path).stdout
    assert {path.name for path in (tmp_path / "new").iterdir()} == {"eight.yaml", "fsdp-8.yaml"}
    same = distilbench("init", "other/fsdp-8.yaml", "--recipe", "eight-gpus", cwd=tmp_path)
    assert same.returncode == 2
    assert not (tmp_path / "other").exists()


def test_doctor_shows_this_machine_and_never_a_key() -> None:
    facts = as_json("doctor")
    assert facts["hardware"]["logical_cores"] >= 1
    assert facts["load"].keys() == {"load_average", "other_cpu_share", "steal_share", "busy"}
    assert facts["packages"]["xllamacpp"]
    assert facts["api_keys"]["OPENAI_API_KEY"] is True
    for done in (in_a_process("doctor"), distilbench("doctor", "--json")):
        assert SECRET not in done.stdout + done.stderr


def test_models_and_tasks_are_listed() -> None:
    sources = [model["source"] for model in as_json("models")]
    assert sources == ["pypi:smollm2-135m-instruct", "pypi:gemma-3-270m"]
    described = as_json("models", "inspect", "pypi:gemma-3-270m")
    assert described["parameters"] == 268_098_176
    layers = described["architecture"]["layers"]
    assert {la["parts"][0]["window"]: la["count"] for la in layers} == {512: 15, None: 3}
    names = [task["name"] for task in as_json("tasks", "arithmetic")]
    assert "leg_counting" in names
    assert "syllogism" not in names


def test_the_schema_is_json_schema() -> None:
    done = distilbench("schema")
    assert json.loads(done.stdout)["$schema"].startswith("https://json-schema.org")


def test_a_model_beside_itself_is_told() -> None:
    done = distilbench(
        "compare", "llama-3.1-8b-instruct", "llama-3.1-8b-instruct", "--draws", "100"
    )
    assert done.returncode == 0, done.stderr
    assert "gsm8k" in done.stdout
