"""The GitHub Action: its steps are run as GitHub runs them, with a stand-in for ``distilbench``."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from distilbench.cli import app

ROOT = Path(__file__).parents[1]
ACTION: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS = {step["name"]: step for step in ACTION["runs"]["steps"]}
RUN, LIMITS, DIFF = list(STEPS)[1:]
STUB = """#!/bin/bash
printf '%s\\n' "$@" "--" >> "$CALLS"
case "$1 $*" in
  "run "*) echo '{"run_dir": "runs/it"}' ;;
  "recommend "*) echo "Nothing fits"; exit "${RECOMMEND:-0}" ;;
  "diff "*--json*) echo '{"verdict": "worse"}'; exit "${WORSE:-0}" ;;
  "diff "*) echo "| a | b |"; exit "${WORSE:-0}" ;;
esac
"""


class Job:
    """A job of GitHub's: what its steps wrote and called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        stub = folder / "bin" / "distilbench"
        stub.write_text(STUB)
        stub.chmod(0o755)

    def step(self, name: str, inputs: dict[str, str], **more: str) -> int:
        given = {key: str(one.get("default", "")) for key, one in ACTION["inputs"].items()}
        given |= inputs
        said = {
            key: re.sub(
                r"\$\{\{ (?:inputs\.([\w-]+)|steps\.run\.outputs\.run) \}\}",
                lambda found: given[found[1]] if found[1] else "runs/it",
                value,
            )
            for key, value in STEPS[name]["env"].items()
        }
        files = {
            variable: str(self.folder / variable)
            for variable in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "CALLS")
        }
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", STEPS[name]["run"]],
            env={**os.environ, "PATH": path, "RUNNER_TEMP": str(self.folder), **files, **said,
                 **more},
            cwd=self.folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.printed = done.stdout
        return done.returncode

    def wrote(self, name: str) -> str:
        path = self.folder / name
        return path.read_text() if path.exists() else ""

    @property
    def calls(self) -> list[list[str]]:
        return [call.split("\n") for call in self.wrote("CALLS").split("\n--\n") if call]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(tmp_path)


def test_a_suite_with_a_name_like_a_script_is_a_name(job: Job) -> None:
    name = 'a $(touch gone) "; touch gone; b.yaml'
    assert job.step(RUN, {"suite": name}) == 0
    assert job.calls == [["run", name, "--out", "runs", "--json"]]
    assert job.wrote("GITHUB_OUTPUT") == "run=runs/it\n"
    assert not (job.folder / "gone").exists()


def test_the_floor_and_the_ceilings_are_one_question(job: Job) -> None:
    given = {"min-accuracy": "0.6", "max-usd-per-1000": "2", "memory": "2GiB"}
    assert job.step(LIMITS, given) == 0
    (call,) = job.calls
    assert call[:2] == ["recommend", "runs/it"]
    pairs = dict(zip(call[2::2], call[3::2], strict=True))
    assert pairs == {"--min-accuracy": "0.6", "--memory": "2GiB", "--max-usd-per-1000": "2"}


@pytest.mark.parametrize("code", [1, 2])
def test_a_limit_that_is_not_met_fails_and_says_why(code: int, job: Job) -> None:
    assert job.step(LIMITS, {"min-accuracy": "0.9"}, RECOMMEND=str(code)) == code
    assert "Nothing fits" in job.printed
    assert "Nothing fits" in job.wrote("GITHUB_STEP_SUMMARY")


def test_without_limits_and_without_a_baseline_nothing_is_asked(job: Job) -> None:
    assert job.step(LIMITS, {}) == 0
    assert job.step(DIFF, {}) == 0
    assert job.step(DIFF, {"baseline": "not/yet"}) == 0
    assert "::notice::There is no baseline at not/yet yet" in job.printed
    assert job.calls == []


@pytest.mark.parametrize(("worse", "strict"), [(0, "false"), (1, "true")])
def test_a_worse_model_fails_and_the_table_is_in_the_summary(
    worse: int, strict: str, job: Job
) -> None:
    given = {"baseline": "s3://bucket/main", "strict": strict, "margin": "3"}
    assert job.step(DIFF, given, WORSE=str(worse)) == worse
    first, second = job.calls
    words = ["--margin", "3", *(["--strict"] if strict == "true" else [])]
    assert first == ["diff", "s3://bucket/main", "runs/it", *words, "--markdown"]
    assert second == ["diff", "s3://bucket/main", "runs/it", *words, "--json"]
    assert "| a | b |" in job.wrote("GITHUB_STEP_SUMMARY")
    assert job.wrote("GITHUB_OUTPUT") == "verdict=worse\n"


def test_a_baseline_that_cannot_be_read_fails(job: Job) -> None:
    assert job.step(DIFF, {"baseline": "s3://bucket/main"}, WORSE="2") == 2
    assert job.wrote("GITHUB_OUTPUT") == ""


def test_the_options_are_those_of_the_commands() -> None:
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    known = {
        name: {option for parameter in commands[name].params for option in parameter.opts}
        for name in ("run", "recommend", "diff")
    }
    names = [key for key in STEPS[LIMITS]["env"] if key != "RUN"]
    assert len(names) == 6
    assert {f"--{name.lower().replace('_', '-')}" for name in names} <= known["recommend"]
    assert {"--margin", "--strict", "--markdown", "--json"} <= known["diff"]
    assert {"--out", "--json"} <= known["run"]


def test_every_input_is_used_and_none_is_read_as_a_script() -> None:
    used = "".join(str(step.get("env")) + str(step.get("if")) for step in STEPS.values())
    for name in ACTION["inputs"]:
        assert f"inputs.{name}" in used, name
    assert not any("${{" in step["run"] for step in STEPS.values())


def test_the_recipe_of_the_docs_gives_only_inputs_that_there_are() -> None:
    page = (ROOT / "docs" / "ci.md").read_text()
    recipes = [yaml.safe_load(text) for text in re.findall(r"```yml\n(.*?)```", page, re.DOTALL)]
    assert recipes
    steps = [step for recipe in recipes for step in recipe["jobs"]["measure"]["steps"]]
    ours = [step for step in steps if step.get("uses", "").startswith("distilbench/distilbench@")]
    assert ours
    assert all(set(step["with"]) <= set(ACTION["inputs"]) for step in ours)
