"""A training that is killed goes on from its last checkpoint, and its cost is counted once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from distilbench.catalog import load_catalog
from distilbench.cli import app
from distilbench.cli._boundary import run_command
from distilbench.distill import StageRecord, read_stages
from distilbench.distill.training import _launch
from tests.test_distill import write_recipe
from tests.tiny_models import tiny_llama, tiny_tokenizer

STEPS, EVERY = 40, 6
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def start(recipe: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "distilbench", "distill", str(recipe), "--out", "out"]
    environment = {**ENVIRONMENT, "DISTILBENCH_CACHE": str(recipe.parent / "cache")}
    return subprocess.Popen(command, cwd=recipe.parent, env=environment, stdout=subprocess.DEVNULL)


def distil(recipe: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Exit code of the same command in this process, which has imported torch already."""
    monkeypatch.chdir(recipe.parent)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("DISTILBENCH_CACHE", str(recipe.parent / "cache"))
    return run_command(app, ["distill", str(recipe), "--out", "out"])


def kill_behind_a_checkpoint(process: subprocess.Popen[bytes], folder: Path) -> dict[str, int]:
    """Kill the process two steps or more behind its first checkpoint; returns its heartbeat."""
    end = time.monotonic() + 240
    while time.monotonic() < end:
        for beat in folder.glob("*-student_training.json"):
            record = json.loads(beat.read_text())
            if (record["checkpoint_step"] or STEPS) + 2 <= (record["last_step"] or 0):
                process.send_signal(signal.SIGKILL)
                process.wait()
                return dict(json.loads(beat.read_text()))
        assert process.poll() is None, "ended before it was killed"
        time.sleep(0.02)
    raise AssertionError("no checkpoint in time")


def training(records: list[StageRecord]) -> list[StageRecord]:
    return [record for record in records if record.stage == "student_training"]


@pytest.mark.model
def test_a_killed_training_resumes_and_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"max_steps": STEPS, "batch_size": 4, "max_length": 128, "checkpoint_every": EVERY}
    # A wider student, so that steps are slow enough to be killed between two of them.
    student = {"new": {"layers": 4, "hidden": 128, "heads": 4, "ffn": 512, "context": 160}}
    recipe = write_recipe(
        tmp_path,
        "killed",
        training=settings,
        student=student,
        held_out={"questions": 4, "accuracy": False},
    )
    folder = tmp_path / "out" / "killed"
    beat = kill_behind_a_checkpoint(start(recipe), folder / "attempts")
    assert distil(recipe, monkeypatch) == 0

    dead, alive = training(read_stages(folder / "student" / "stages.parquet"))
    assert (dead.status, alive.status) == ("failed", "done")
    assert dead.error is not None
    assert "killed" in dead.error
    assert dead.last_step == beat["last_step"]
    assert alive.first_step is not None
    assert alive.first_step % EVERY == 0
    assert dead.checkpoint_step is not None
    assert dead.checkpoint_step <= alive.first_step
    assert alive.last_step == STEPS
    # Each attempt holds the steps that it did: 4 examples a step, every one counted where done.
    assert dead.samples == 4 * beat["last_step"]
    assert alive.samples == 4 * (STEPS - alive.first_step)
    assert dead.redone_flops is not None
    assert 0 < dead.redone_flops < dead.flops_formula
    card = load_catalog((folder / "student",)).card("killed")
    assert card.training.flops is not None
    assert card.training.flops.value == pytest.approx(dead.flops_counted + alive.flops_counted)


LAUNCH = """
compute_environment: LOCAL_MACHINE
distributed_type: 'NO'
num_machines: 1
num_processes: 1
machine_rank: 0
main_training_function: main
mixed_precision: 'no'
use_cpu: true
"""


def twofold(folder: Path) -> Path:
    (folder / "launch.yaml").write_text(LAUNCH)
    return write_recipe(
        folder,
        "twofold",
        accelerate="launch.yaml",
        training={"max_steps": 2, "batch_size": 4, "max_length": 128},
        held_out={"questions": 4, "accuracy": False},
    )


@pytest.mark.model
def test_two_processes_train_one_student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """accelerate launch starts several processes on GPUs only: torchrun stands in for it."""

    def launched(command: list[str], **options: Any) -> Any:
        assert command[1:4] == ["-m", "accelerate.commands.launch", "--config_file"]
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
        return subprocess.run([*torchrun, *command[5:]], **options)

    monkeypatch.setattr(_launch, "subprocess", SimpleNamespace(run=launched))
    assert distil(twofold(tmp_path), monkeypatch) == 0
    place = tmp_path / "out" / "twofold"
    (both,) = training(read_stages(place / "student" / "stages.parquet"))
    assert (both.status, both.samples) == ("done", 2 * 4 * 2)  # steps, batch, processes
    assert list((place / "student").rglob("model.safetensors"))


@pytest.mark.model
@pytest.mark.long
def test_accelerate_trains_one_student_and_torchrun_the_same_in_two(tmp_path: Path) -> None:
    """accelerate launch starts several processes on GPUs only: here it starts one, and torchrun
    does the same job again in two."""
    recipe = twofold(tmp_path)
    assert start(recipe).wait(timeout=400) == 0
    place = tmp_path / "out" / "twofold"
    (alone,) = training(read_stages(place / "student" / "stages.parquet"))
    assert (alone.status, alone.samples) == ("done", 2 * 4)  # steps, batch

    shutil.rmtree(place / "trials")
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "-m"]
    environment = {**ENVIRONMENT, "DISTILBENCH_LAUNCHED": "1"}
    job = [*command, "distilbench.distill.training._launched", str(place / "job.json")]
    assert subprocess.run(job, env=environment, timeout=400, check=False).returncode == 0
    (beat,) = sorted((place / "attempts").glob("*-student_training.json"))[1:]
    both = json.loads(beat.read_text())
    assert (both["status"], both["samples"]) == ("done", 2 * 4 * 2)
    assert (place / "trials" / "0" / "model" / "model.safetensors").is_file()


@pytest.mark.model
def test_what_ends_the_launched_processes_is_told_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "launch.yaml").write_text(LAUNCH)
    recipe = write_recipe(
        tmp_path,
        "refused",
        method="on-policy",
        teacher={"source": "teacher"},
        tokenizer=None,
        student={"layers": 1},
        accelerate="launch.yaml",
        training={"max_steps": 1, "batch_size": 25, "max_length": 128},
    )
    tokenizer = tiny_tokenizer()
    tiny_llama(tokenizer).save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    assert distil(recipe, monkeypatch) == 2
    said = capfd.readouterr().err
    assert "error: " in said.splitlines()[-1]
    assert "25 prompts at once, and there are 24" in said.splitlines()[-1]
