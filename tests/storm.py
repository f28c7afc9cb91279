"""Kill a run at random, go on, and count what it cost: python -m tests.storm --kills 100 [--ray]

Driver, worker and engine are ended by SIGKILL at random moments until a suite is answered, again
and again until so many have been killed. Then the records are held against those of a run that
nobody disturbed, sample by sample, and what was left behind is looked for. With ``--ray`` the
workers are on a Ray cluster of two nodes, and the second, with all that is on it, is killed too.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import psutil
from inspect_ai.log import read_eval_log

from distilbench.records import KEY
from tests.ray_cluster import RayCluster, ray_cluster
from tests.tiny_gguf import tiny_gguf

MARK = "DISTILBENCH_STORM"
"""Environment variable of all processes of a storm, by which they are found wherever they went."""
WORKER = "distilbench.runner._worker"
VICTIMS = ("driver", "worker", "engine")
NODE = "node"
"""Of a cluster, beside these."""
MEAN_S = 1.5  # from the moment that a victim is there to its death
VALUES = ("score", "answer", "target", "outcome", "error", "input_tokens", "output_tokens", "flops")
"""What does not depend on when and how often a process was started."""
DRIVER = """
import json, sys
from dataclasses import asdict
from pathlib import Path
import distilbench.runner._shards as shards
sys.modules["amdsmi"] = None  # of which Ray takes no error but that it is missing
shards.SHARD_KEYS = int(sys.argv[3])
from distilbench.runner import run_suite
with open(sys.argv[4], "a") as told:
    def hear(event):
        if event.event == "sample_done":
            told.write(json.dumps(asdict(event)) + "\\n")
            told.flush()
    where = {"executor": "ray", "address": sys.argv[5]} if sys.argv[5:] else {}
    result = run_suite(sys.argv[1], Path(sys.argv[2]), hear, **where)
sys.exit(0 if result.complete else 1)
"""
SUITE = """
name: storm
models: [one.gguf, two.gguf]
tasks:
  - {{file: a.jsonl, name: a, stop: []}}
  - {{file: b.jsonl, name: b, stop: []}}
profiles: [{{slots: 1, context: 256, threads: 1}}]
limits: {{max_tokens: {tokens}}}
"""


@dataclass
class Place:
    """A folder with a suite of two tiny models (32-bit weights, one slot: each answer is the same
    whenever it is asked) and two tasks, cut into shards of ``shard`` samples."""

    folder: Path
    questions: int = 250
    tokens: int = 48
    shard: int = 60
    cluster: RayCluster | None = None
    """Where the workers are; null: on this machine."""

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("one", "two"):
            tiny_gguf(self.folder / f"{name}.gguf", blocks=2 if name == "one" else 3)
        for task in "ab":
            rows = [
                json.dumps({"question": f"{task} {i}?", "answer": str(i)}) + "\n"
                for i in range(self.questions)
            ]
            (self.folder / f"{task}.jsonl").write_text("".join(rows))
        (self.folder / "storm.yaml").write_text(SUITE.format(tokens=self.tokens))

    @property
    def samples(self) -> int:
        return 2 * 2 * self.questions

    @property
    def folders(self) -> list[Path]:
        """In which workers have their jobs."""
        return [self.folder, *((n.folder for n in self.cluster.nodes) if self.cluster else ())]

    def run_dir(self, out: str) -> Path:
        return self.folder / out / "storm"

    def start(self, out: str) -> subprocess.Popen[bytes]:
        """The suite's driver, or the next attempt of it."""
        scratch = self.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        words = ["storm.yaml", out, str(self.shard), f"{out}.told"]
        if self.cluster:
            words.append(self.cluster.address)
        with (self.folder / f"{out}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-c", DRIVER, *words],
                cwd=self.folder,
                env={**os.environ, "TMPDIR": str(scratch), MARK: str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )


@dataclass
class Count:
    """What a storm cost."""

    killed: Counter[str] = field(default_factory=Counter)
    samples: int = 0
    lost: int = 0
    twice: int = 0
    changed: int = 0
    answered_again: int = 0
    """Samples that were answered again after their end had been told."""
    workers_at_once: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        counted = self.lost + self.twice + self.changed + self.answered_again
        return not (counted or self.left or self.workers_at_once > 1)

    def __str__(self) -> str:
        killed = ", ".join(f"{name} {count}" for name, count in sorted(self.killed.items()))
        return (
            f"{self.killed.total()} SIGKILLs ({killed}) over {self.samples:,} samples: {self.lost}"
            f" lost, {self.twice} twice, {self.changed} changed, {self.answered_again} answered"
            f" again, {self.workers_at_once} worker at once, {len(self.left)} left behind"
            + "".join(f"\n  left: {one}" for one in self.left)
        )


def compare(run_dir: Path, undisturbed: Path, count: Count) -> None:
    """Add to ``count`` what the records and the logs of a run have less, more, and other than those
    of a run that nobody disturbed."""
    tables = [pl.read_parquet(run / "samples.parquet") for run in (run_dir, undisturbed)]
    found, wanted = (table.select(*KEY, *VALUES) for table in tables)
    count.samples += wanted.height
    count.lost += wanted.join(found, on=KEY, how="anti").height
    count.twice += found.height - found.unique(KEY).height
    both = found.unique(KEY).join(wanted, on=KEY, suffix="_wanted")
    same = pl.all_horizontal(pl.col(v).eq_missing(pl.col(f"{v}_wanted")) for v in VALUES)
    count.changed += both.filter(~same).height
    keys = Counter(_logged(run_dir))
    count.lost += max(0, wanted.height - len(keys))
    count.twice += keys.total() - len(keys)


def _logged(run_dir: Path) -> Iterator[tuple[str, str, int]]:
    """Cell, sample and epoch of each sample in each log, as Inspect itself reads them."""
    for path in run_dir.glob("cells/**/*.eval"):
        cell = path.relative_to(run_dir / "cells").parts[0]
        for sample in read_eval_log(str(path)).samples or ():
            yield cell, str(sample.id), sample.epoch


def left_behind(run_dir: Path, undisturbed: Path, scratch: Path, mark: str) -> list[str]:
    """Files that the undisturbed run has not, and processes."""
    files = {_kind(path, run_dir) for path in run_dir.rglob("*")}
    files -= {_kind(path, undisturbed) for path in undisturbed.rglob("*")}
    logs = Counter(path.parent for path in run_dir.glob("cells/**/*.eval"))
    return [
        *sorted(files),
        *(f"{folder}: {number} logs" for folder, number in logs.items() if number > 1),
        *map(str, scratch.iterdir()),
        *(f"process {p.pid}: {' '.join(p.cmdline()[-3:])}" for p in marked(mark)),
    ]


def _kind(path: Path, run_dir: Path) -> str:
    """Inspect's names of logs hold the time, those of jobs how many machines there were."""
    name = re.sub(r"--\d+-of-\d+(?=\.\w+$)", "", str(path.relative_to(run_dir)))
    return str(Path(name).parent / "*.eval") if path.suffix == ".eval" else name


def marked(mark: str) -> list[psutil.Process]:
    """Living processes of a storm, wherever their parents went."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and process.environ().get(MARK) == mark and process.pid != os.getpid():
                found.append(process)
    return found


def victims(place: Place, driver: int) -> dict[str, int]:
    """The processes of a run that can be killed, by what they are."""
    found = {"driver": driver}
    for worker in _workers(place):
        found["worker"] = worker
        with suppress(psutil.Error):
            process = psutil.Process(worker)
            if place.cluster and str(place.cluster.nodes[-1].folder) in " ".join(process.cmdline()):
                found[NODE] = place.cluster.nodes[-1].process.pid
            for child in process.children():
                if any(word.endswith("_serve.py") for word in child.cmdline()):
                    found["engine"] = child.pid
    return found


def storm(place: Place, out: str, kills: int, chosen: random.Random, count: Count) -> None:
    """Run a suite to its end, killing up to ``kills`` processes on the way."""
    left = kills
    while True:
        with place.start(out) as driver:
            while driver.poll() is None:
                wanted = chosen.choice((*VICTIMS, NODE) if place.cluster else VICTIMS)
                while not (pid := victims(place, driver.pid).get(wanted)) and driver.poll() is None:
                    _look(place, count)
                until = time.monotonic() + chosen.expovariate(1 / MEAN_S)
                while driver.poll() is None and (not left or time.monotonic() < until):
                    _look(place, count)
                if left and pid:
                    left -= _kill(place, pid, wanted, count)
        if driver.returncode == 0:
            break
    told = Counter((place.folder / f"{out}.told").read_text().splitlines())
    keys = Counter(_without_pid(line) for line in told.elements())
    count.answered_again += keys.total() - len(keys)


def _look(place: Place, count: Count) -> None:
    machines = len(place.cluster.living) if place.cluster else 1
    count.workers_at_once = max(count.workers_at_once, -(-len(_workers(place)) // machines))
    time.sleep(0.05)


def _kill(place: Place, pid: int, name: str, count: Count) -> int:
    """Once it is killed, or was gone. In a node's place comes another."""
    if name == NODE and place.cluster:
        place.cluster.nodes[-1].kill()
        place.cluster.add()
        count.killed[name] += 1
        return 1
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
        count.killed[name] += 1
        return 1
    return 0


def _workers(place: Place) -> list[int]:
    """Workers of this place that live, orphans among them. A child of one that has not become an
    engine yet is none."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (path / "cmdline").read_bytes().decode(errors="replace")  # empty: a zombie
            if WORKER in command and any(str(folder) in command for folder in place.folders):
                parent = (path / "stat").read_text().rpartition(")")[2].split()[1]
                found[path.name] = parent
    return [int(pid) for pid, parent in found.items() if parent not in found]


def _without_pid(line: str) -> str:
    return json.dumps({k: v for k, v in json.loads(line).items() if k != "pid"}, sort_keys=True)


def run(folder: Path, kills: int, seed: int = 0, ray: bool = False, **size: int) -> Count:
    """Storms over one suite, each to its end, until so many processes were killed."""
    place, count, chosen = Place(folder.resolve(), **size), Count(), random.Random(seed)
    with place.start("calm") as calm:
        pass
    assert calm.returncode == 0, (folder / "calm.log").read_text()
    with _cluster(place) if ray else nullcontext():
        rounds = 0
        while count.killed.total() < kills:
            rounds += 1
            storm(place, f"round{rounds}", kills - count.killed.total(), chosen, count)
            compare(place.run_dir(f"round{rounds}"), place.run_dir("calm"), count)
        if place.cluster:  # a machine that lost its power keeps what was on its disk
            living = [node.folder for node in place.cluster.living]
            count.left += [str(path) for f in living for path in f.glob("*distilbench-*")]
    for number in range(1, rounds + 1):
        done, wanted = place.run_dir(f"round{number}"), place.run_dir("calm")
        count.left += left_behind(done, wanted, place.folder / "scratch", str(place.folder))
    return count


@contextmanager
def _cluster(place: Place) -> Iterator[None]:
    os.environ[MARK] = str(place.folder)  # Ray's own processes must be gone after it, too
    try:
        with ray_cluster() as cluster:
            place.cluster = cluster
            cluster.add()
            cluster.add()
            yield
    finally:
        del os.environ[MARK]
        place.cluster = None


def main() -> int:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--kills", type=int, default=100)
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--ray", action="store_true", help="on a cluster of two nodes")
    words.add_argument("--keep", type=Path, help="work here, and keep it")
    asked = words.parse_args()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        count = run(asked.keep or Path(made) / "storm", asked.kills, asked.seed, asked.ray)
    print(f"{count}\n{time.monotonic() - begun:.0f} s, seed {asked.seed}")
    return 0 if count.clean else 1


if __name__ == "__main__":
    sys.exit(main())
