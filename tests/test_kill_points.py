"""A kill between any two steps of a run loses nothing and doubles nothing; nor does the cut."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kill_points import SHARD_SAMPLES

QUESTIONS, EPOCHS = 5, 2
SAMPLES = QUESTIONS * EPOCHS
# An installed benchmark in which everything that Inspect lets depend on a question's place does:
# choices are shuffled by the data set and again by the solver, questions and examples are drawn
# without a seed. The provider's answer depends on the whole conversation.
PACKAGE = """
import hashlib
from random import Random, sample

from inspect_ai import Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelAPI, ModelOutput, modelapi
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice, system_message

@task
def order():
    samples = [
        Sample(input=f"Which is {n}?", choices=[f"{n}", "red", "blue", "green"], target="A", id=n)
        for n in range(QUESTIONS)
    ]
    data = MemoryDataset(samples)
    data.shuffle_choices(seed=3)
    data.shuffle()
    shown = sample([s.input for s in samples], 2)
    solver = [system_message(" ".join(shown)), multiple_choice(shuffle=Random(1))]
    return Task(dataset=data, solver=solver, scorer=choice())

@modelapi("heeds")
class Heeds(ModelAPI):
    async def generate(self, input, tools, tool_choice, config):
        said = "".join(message.text for message in input) + str(config.seed)
        letter = "ABCD"[hashlib.sha256(said.encode()).digest()[0] % 4]
        return ModelOutput.from_content("heeds", f"ANSWER: {letter}")
"""
SUITE = f"""
name: killed
models: ["inspect:heeds/m"]
tasks: [{{inspect: posers/order}}]
profiles: [{{slots: 2}}]
epochs: {EPOCHS}
"""


@pytest.fixture(scope="module")
def suite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("posers") / "site-packages"  # or Inspect takes it for a script
    about = folder / "posers-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: posers\nVersion: 1\n")
    (about / "entry_points.txt").write_text("[inspect_ai]\nposers = posers\n")
    (folder / "posers.py").write_text(PACKAGE.replace("QUESTIONS", str(QUESTIONS)))
    (folder / "suite.yaml").write_text(SUITE)
    return folder / "suite.yaml"


def killed(suite: Path, out: Path, *kills: int) -> list[dict[str, Any]]:
    path = os.pathsep.join([str(suite.parent), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "tests.kill_points", str(suite), str(out), *map(str, kills)],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def undisturbed(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    (found,) = killed(suite, tmp_path_factory.mktemp("undisturbed") / "runs", 0)
    assert found["asked"] == []  # the second run had nothing to do
    return found


def check(found: dict[str, Any], undisturbed: dict[str, Any]) -> None:
    where = f"killed before step {found['kill']} of {undisturbed['steps']}"
    assert found["steps"] is None, where
    assert found["records"] == undisturbed["records"], where
    keys = [(sample, epoch) for _, sample, epoch, *_ in found["kept"]]
    assert len(keys) == len(set(keys)), where
    asked = [tuple(key) for key in found["asked"]]
    assert sorted([*keys, *asked]) == sorted(
        (sample, epoch) for _, sample, epoch, *_ in undisturbed["records"]
    ), where
    assert found["journals"] == 0, where


def test_a_kill_between_two_steps_loses_and_doubles_nothing(
    suite: Path, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    steps = undisturbed["steps"]
    some = {steps * n // 6 for n in range(1, 6)}
    for found in killed(suite, tmp_path / "runs", *sorted(some)):
        check(found, undisturbed)


@pytest.mark.long
def test_whichever_two_steps(suite: Path, undisturbed: dict[str, Any], tmp_path: Path) -> None:
    for found in killed(suite, tmp_path / "runs", *range(1, undisturbed["steps"] + 1)):
        check(found, undisturbed)


def test_what_depends_on_a_questions_place_does_not_depend_on_the_cut(
    suite: Path, undisturbed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(undisturbed["records"]) == SAMPLES > 2 * SHARD_SAMPLES
    answers = {row[4] for row in undisturbed["records"]}
    assert len(answers) > 1
    monkeypatch.setenv("SHARD_SAMPLES", str(SAMPLES))
    whole = killed(suite, tmp_path / "runs", 0)
    assert whole[0]["records"] == undisturbed["records"]
