"""The recipes of examples/many-machines, run: on machines inside of this one, with stand-ins for
the schedulers. What those cannot show, names of options, is held against the tools' own help."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
import yaml

from distilbench.runner import run_suite
from tests.storm import VALUES
from tests.tiny_gguf import tiny_gguf
from tests.two_machines import Machine, machines

RECIPES = Path(__file__).parents[1] / "examples" / "many-machines"
SAME = ("model", "task", "sample_id", "epoch", *VALUES)
QUESTIONS = 12
SBATCH = {"job-name", "nodes", "ntasks-per-node", "exclusive", "time", "array", "signal", "requeue"}
SRUN = {"nodes", "ntasks"}
"""Options as in the manuals sbatch(1) and srun(1)."""
SLURM = {
    "scontrol": r'[ "$1 $2" = "show hostnames" ] && echo "$3" | tr , "\n"',
    # Everything behind the options, on each machine; its end is that of the first which fails.
    "srun": """
while [ "${1#--}" != "$1" ]; do shift; done
for machine in $MACHINES; do $(cat "$machine") "$@" & done
code=0; for job in $(jobs -p); do wait "$job" || code=$?; done; exit "$code"
""",
}

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="namespaces of Linux")


def suite(folder: Path, *models: str) -> None:
    for model in models:
        tiny_gguf(folder / model, blocks=2 if model == models[0] else 3)
    rows = [json.dumps({"question": f"{i}?", "answer": str(i)}) for i in range(QUESTIONS)]
    (folder / "q.jsonl").write_text("\n".join(rows))
    asked = {
        "name": "machines",
        "models": list(models),
        "tasks": [{"file": "q.jsonl", "stop": []}],
        "profiles": [{"slots": 1, "context": 128, "cpus": 1}],
        "limits": {"max_tokens": 16},
    }
    (folder / "suite.yaml").write_text(json.dumps(asked))
    (folder / "models.txt").write_text("".join(f"{model}\n" for model in models))


def answers(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "samples.parquet").select(SAME).sort(SAME[:4])


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Machine, Machine]]:
    """Machines with Ray; the suite, its data and its models are on the first alone."""
    with machines(tmp_path, ["one", "two"]) as (one, other):
        suite(one.tmp / "job", "a.gguf", "b.gguf")
        yield one, other


def check(one: Machine, other: Machine, tmp_path: Path) -> None:
    """One run, whose answers are those of this machine alone, and both machines gave some; the
    second fetched the models that it needed, each once, and nothing is left."""
    run = one.tmp / "job" / "runs" / "machines"
    suite(tmp_path, "a.gguf", "b.gguf")
    alone = run_suite(tmp_path / "suite.yaml", tmp_path / "alone")
    assert answers(run).equals(answers(alone.run_dir))
    hardware = {json.loads(f.read_text())["machine"] for f in run.rglob("shard.json")}
    assert len(hardware) == 2
    fetched = [path.name for path in other.tmp.glob("cache/fetched/*/*.gguf")]
    assert len(fetched) == 1
    assert not list(one.tmp.glob("cache/fetched/*/*.gguf"))
    assert (one.left(), other.left()) == ([], [])
    assert not (other.tmp / "job" / "runs").exists()


@pytest.mark.long
@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed")
def test_slurm_by_ray(two: tuple[Machine, Machine], tmp_path: Path) -> None:
    """``ray symmetric-run`` itself starts Ray on both and ends it."""
    one, other = two
    (tmp_path / "slurm").mkdir()
    for name, text in SLURM.items():
        (tmp_path / "slurm" / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / "slurm" / name).chmod(0o755)
    given = {
        "SLURM_JOB_NODELIST": f"{one.address},{other.address}", "SLURM_NNODES": "2",
        "SLURM_CPUS_ON_NODE": "2", "RAY_worker_niceness": "0",
    }  # fmt: skip
    enters = [tmp_path / "slurm" / machine.name for machine in two]
    for machine, file in zip(two, enters, strict=True):
        reached = f"{one.address}:6390"
        file.write_text(shlex.join(machine.command([], **given, RAY_ADDRESS=reached)))
    done = subprocess.run(
        ["bash", RECIPES / "slurm-ray.sh"], capture_output=True, text=True, check=False,
        env={**os.environ, **given, "MACHINES": " ".join(map(str, enters)),
             "PATH": f"{tmp_path}/slurm:{os.environ['PATH']}"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    check(one, other, tmp_path)


@pytest.mark.long
@pytest.mark.model
@pytest.mark.timeout(900)
@pytest.mark.skipif(not find_spec("ray"), reason="Ray is not installed")
def test_skypilot(two: tuple[Machine, Machine], tmp_path: Path) -> None:
    """What SkyPilot runs on each machine, with the variables that it sets."""
    task = yaml.safe_load((RECIPES / "skypilot.yaml").read_text())
    begun = []
    for rank, machine in enumerate(two):
        home = machine.tmp / "distilbench"
        home.mkdir()
        (home / "bin").symlink_to("/tmp/bin")  # of setup's environment
        given = {
            "SKYPILOT_NODE_IPS": "\n".join(m.address for m in two), "SKYPILOT_NUM_NODES": "2",
            "SKYPILOT_NODE_RANK": str(rank), **task["envs"],
        }  # fmt: skip
        words = machine.command(["bash", "-c", task["run"]], **given)
        with (tmp_path / f"{machine.name}.log").open("wb") as log:
            begun.append(subprocess.Popen(words, stdout=log, stderr=log))
    codes = [process.wait(600) for process in begun]
    said = [(tmp_path / f"{machine.name}.log").read_text()[-3000:] for machine in two]
    assert codes == [0, 0], said
    check(*two, tmp_path)


@pytest.mark.long
@pytest.mark.model
def test_slurms_array(tmp_path: Path) -> None:
    """A job for each model, one after the other here, and the command that joins them."""
    suite(tmp_path, "a.gguf", "b.gguf")
    _commands(tmp_path)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    for number in "12":
        environment = {**os.environ, "SLURM_ARRAY_TASK_ID": number, "PATH": path}
        subprocess.run(
            ["bash", RECIPES / "slurm-array.sh"], cwd=tmp_path, env=environment, check=True
        )
    (joins,) = re.findall(r"distilbench merge .*", (RECIPES / "slurm-array.sh").read_text())
    environment = {**os.environ, "PATH": path}
    subprocess.run(["bash", "-c", joins], cwd=tmp_path, env=environment, check=True)
    alone = run_suite(tmp_path / "suite.yaml", tmp_path / "alone")
    assert answers(tmp_path / "runs" / "all").equals(answers(alone.run_dir))


@pytest.mark.long
@pytest.mark.model
def test_hugging_face_jobs(tmp_path: Path) -> None:
    """Each job's command, with the folder and the bucket where it mounts them."""
    suite(tmp_path, "a.gguf", "b.gguf")
    _commands(tmp_path)
    (tmp_path / "bin" / "pip").symlink_to("/bin/true")
    (tmp_path / "bin" / "hf").write_text(f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {tmp_path}/asked\n")
    (tmp_path / "bin" / "hf").chmod(0o755)
    path = f"{tmp_path}/bin:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path}
    subprocess.run(
        ["bash", RECIPES / "hf-jobs.sh", "owner/bucket"], cwd=tmp_path, env=environment, check=True
    )
    asked = (tmp_path / "asked").read_text().split("\0")
    commands = [after for word, after in pairwise(asked) if word == "-c"]
    assert len(commands) == 2
    (tmp_path / "runs").mkdir()
    for command in commands:
        here = command.replace("/suite/", f"{tmp_path}/").replace("/runs/", f"{tmp_path}/runs/")
        subprocess.run(["bash", "-c", here], cwd=tmp_path, env=environment, check=True)
    (joins,) = re.findall(r"distilbench merge .*", (RECIPES / "hf-jobs.sh").read_text())
    subprocess.run(["bash", "-c", joins], cwd=tmp_path, env=environment, check=True)
    alone = run_suite(tmp_path / "suite.yaml", tmp_path / "alone")
    assert answers(tmp_path / "runs" / "all").equals(answers(alone.run_dir))


def _commands(folder: Path) -> None:
    (folder / "bin").mkdir()
    file = folder / "bin" / "distilbench"
    path = os.pathsep.join(filter(None, sys.path))
    file.write_text(f'#!/bin/sh\nPYTHONPATH={path} exec {sys.executable} -m distilbench "$@"\n')
    file.chmod(0o755)


def _long_options(text: str) -> set[str]:
    return set(re.findall(r"(?<!\S)--([a-z][a-z-]+)", text))


def _help(words: Sequence[str]) -> set[str]:
    program = shutil.which(words[0]) or str(Path(sys.executable).with_name(words[0]))
    if not Path(program).exists():
        pytest.skip(f"{words[0]} is not installed")
    done = subprocess.run([program, *words[1:], "--help"], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"{' '.join(words)} is not here")
    return _long_options(done.stdout)


def test_options_of_hugging_face_jobs() -> None:
    text = (RECIPES / "hf-jobs.sh").read_text()
    asked = text[text.index("hf jobs run") : text.index("python:3.12")]
    assert _long_options(asked) >= {"secrets", "volume", "flavor"}
    assert _long_options(asked) <= _help(["hf", "jobs", "run"])


@pytest.mark.parametrize("script", ["slurm-ray.sh", "slurm-array.sh"])
def test_options_of_slurm(script: str) -> None:
    text = (RECIPES / script).read_text()
    asked = [_long_options(line) for line in text.splitlines() if line.startswith("#SBATCH")]
    assert asked
    assert set().union(*asked) <= SBATCH
    if "srun" in text:
        assert (
            _long_options(text[text.index("srun --") : text.index("ray symmetric-run --")]) <= SRUN
        )
