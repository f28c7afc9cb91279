"""What runs on other machines, without Ray: files that travel, what a machine must be, recipes."""

from __future__ import annotations

import hashlib
import http.server
import socket
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from distilbench.errors import InputError
from distilbench.runner import Cell, Job, Share, plan, run_suite
from distilbench.runner._carried import carried
from distilbench.runner._cluster import Node, Started, _must_answer
from distilbench.runner._node import Parcel, obtained, refuse_others, versions
from distilbench.runner._pieces import Followed, Piece, put
from distilbench.runner.executors._ray import _placed, _Task, fits, gpus, needs
from distilbench.suite import Suite

RECIPES = Path(__file__).parents[1] / "examples" / "many-machines"


def test_what_grows_there_grows_here(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    logs = there / "cells" / "c" / "logs"
    logs.mkdir(parents=True)
    (logs / "journal.jsonl").write_text("before\n")
    (there / "w.log").write_text("")
    (here / "cells" / "c" / "logs").mkdir(parents=True)
    (here / "cells" / "c" / "logs" / "journal.jsonl").write_text("before\n")
    (here / "w.log").write_text("an attempt before\n")
    begins = {"w.log": (here / "w.log").stat().st_size}
    followed = Followed(there, ["cells/c", "w.log"])
    assert followed.changed() == []

    with (logs / "journal.jsonl").open("a") as journal:
        journal.write("x" * 150_000 + "\n")
    (there / "w.log").write_text("said\n")
    (logs / "a.eval").write_bytes(b"half a zip")
    (there / "cells" / "c" / ".shard.json.12").write_text("{")
    pieces = followed.changed()
    assert {piece.path for piece in pieces} == {"cells/c/logs/journal.jsonl", "w.log"}
    assert max(len(piece.data or b"") for piece in pieces) < 100_000
    put(here, pieces, begins)
    put(here, pieces, begins)  # again: the same
    assert (here / "w.log").read_text() == "an attempt before\nsaid\n"
    journal_here = here / "cells" / "c" / "logs" / "journal.jsonl"
    assert journal_here.read_bytes() == (logs / "journal.jsonl").read_bytes()

    with zipfile.ZipFile(logs / "a.eval", "w") as log:
        log.writestr("header.json", "{}")
    (logs / "journal.jsonl").unlink()
    (there / "cells" / "c" / "shard.json").write_text("{}")
    (there / "cells" / "c" / "samples.parquet").write_text("rows")
    last = followed.changed()
    assert last[-1].path == "cells/c/shard.json"  # finished: after all that it says is finished
    put(here, last, begins)
    assert not journal_here.exists()
    names = sorted(path.name for path in (here / "cells").rglob("*") if path.is_file())
    assert names == ["a.eval", "samples.parquet", "shard.json"]
    assert followed.changed() == []


def test_a_file_that_is_begun_anew_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "there" / "j.jsonl"
    file.parent.mkdir()
    file.write_text("a long line\n")
    followed = Followed(tmp_path / "there", ["j.jsonl"])
    put(tmp_path / "here", [Piece("j.jsonl", b"a long line\n", 0)], {})
    file.write_text("short\n")
    put(tmp_path / "here", followed.changed(), {})
    assert (tmp_path / "here" / "j.jsonl").read_text() == "short\n"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_model_is_fetched_once(tmp_path: Path, cache: Path) -> None:
    data, fetched = b"weights" * 1_000, []

    def fetch(sha256: str, part: int) -> Iterator[bytes]:
        fetched.append(part)
        yield data[:100]
        yield data[100:]

    sha256 = hashlib.sha256(data).hexdigest()
    away = tmp_path / "away" / "m.gguf"
    found = obtained(away, sha256, fetch)
    assert (found.read_bytes(), found.name) == (data, "m.gguf")
    assert obtained(away, sha256, fetch) == found
    assert fetched == [0]
    away.parent.mkdir()
    away.write_bytes(data)
    assert obtained(away, sha256, fetch) == away  # a shared disk
    away.write_bytes(b"another model of the same name")
    assert obtained(away, sha256, fetch) == found


def test_a_model_that_changed_meanwhile_is_refused(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(InputError, match="has changed since the run began"):
        obtained(tmp_path / "m.gguf", "0" * 64, lambda *_: iter([b"other"]))
    assert not list(cache.rglob("m.gguf"))


def test_a_machine_of_other_versions_is_refused() -> None:
    refuse_others(versions(), "n")
    with pytest.raises(InputError, match=r"node n: has xllamacpp .*, and the run has 1\.2: .*"):
        refuse_others({"xllamacpp": "1.2"}, "n")


def cells(tmp_path: Path, *models: dict[str, object], **profile: object) -> list[Cell]:
    suite = {
        "name": "s", "models": list(models), "profiles": [profile],
        "tasks": [{"reasoning_gym": "lcm", "questions": 2}],
    }  # fmt: skip
    return plan(Suite.model_validate(suite), tmp_path, "s")


API = {"source": "inspect:openai-api/lab/m", "base_url": "http://10.0.0.7/v1"}


def test_keys_travel_and_are_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LAB_API_KEY", "JUDGE_API_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, f"value of {name}")
    given = carried(cells(tmp_path, API))
    assert given["LAB_API_KEY"] == "value of LAB_API_KEY"
    assert given["JUDGE_API_KEY"] == "value of JUDGE_API_KEY"
    assert "GITHUB_TOKEN" not in given
    job = Job(run_dir=tmp_path, shares=[Share(cell=cells(tmp_path, API)[0], shards=[])], slots=1)
    assert "value of" not in repr(Parcel(job, {}, given))


def test_what_a_job_needs(tmp_path: Path) -> None:
    (api,) = cells(tmp_path, API)
    vllm = {"source": "inspect:vllm/o/m", "args": {"tensor_parallel_size": 2}}
    (served,) = cells(tmp_path, vllm, memory="4GiB", cpus=3)
    assert (not api.is_shared, gpus(api), needs(api)) == (False, 0, "1 cores")
    assert (not served.is_shared, gpus(served)) == (True, 2)
    assert needs(served) == "3 cores, 2 GPUs, 4.0 GiB of memory"
    assert fits(served, Node("a", "a", 3, 2, 4 * 2**30))
    assert not fits(served, Node("a", "a", 3, 1, 4 * 2**30))
    assert not fits(served, Node("a", "a", 2, 2, 4 * 2**30))
    assert not fits(served, Node("a", "a", 3, 2, 2**30))


def test_who_runs_alone_shares_no_machine(tmp_path: Path) -> None:
    (api,) = cells(tmp_path, API)
    (own,) = cells(tmp_path, {"source": "inspect:vllm/o/m"})
    a, b = (Node(name, name, 8, 1, 2**40) for name in "ab")

    def task(cell: Cell, node: Node | None = None) -> _Task:
        job = Job(run_dir=tmp_path, shares=[Share(cell=cell, shards=[])], slots=1)
        return _Task(job, job, Started(node, None) if node else None)

    def where(waiting: list[_Task], working: list[_Task]) -> list[str]:
        return [node.id for _, node in _placed(waiting, working, [a, b])]

    assert where([task(own), task(own), task(own)], []) == ["a", "b"]
    assert where([task(own), task(api), task(api)], [task(api, a)]) == ["b", "a", "a"]
    assert where([task(own), task(api)], [task(own, a), task(own, b)]) == []
    assert where([task(api), task(api)], []) == ["a", "b"]


def test_an_address_that_is_wrong_is_told_at_once() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        with pytest.raises(InputError, match=r"no cluster answers there .*ray start --head"):
            _must_answer(f"127.0.0.1:{nobody.getsockname()[1]}")
    server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
    threading.Thread(target=server.handle_request, daemon=True).start()
    with pytest.raises(InputError, match="is no Ray cluster"):
        _must_answer(f"127.0.0.1:{server.server_address[1]}")
    server.server_close()
    for address, said in {"10.0.0.1": "HOST:PORT", "ray://a:10001": "ray job submit"}.items():
        with pytest.raises(InputError, match=said):
            _must_answer(address)


def test_without_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.setenv("LAB_API_KEY", "none")
    suite = {"name": "s", "models": [API], "tasks": [{"reasoning_gym": "lcm", "questions": 2}]}
    with pytest.raises(InputError, match=r"not installed; pip install 'distilbench\[ray\]'"):
        run_suite(suite, tmp_path / "runs", executor="ray")


@pytest.mark.parametrize("script", sorted(RECIPES.glob("*.sh")), ids=lambda path: path.name)
def test_scripts_are_bash(script: Path) -> None:
    subprocess.run(["bash", "-n", script], check=True)


def test_skypilots_task() -> None:
    """Fields and their types as SkyPilot's documentation has them."""
    task = yaml.safe_load((RECIPES / "skypilot.yaml").read_text())
    kinds = {"name": str, "num_nodes": int, "resources": dict, "workdir": str, "envs": dict,
             "setup": str, "run": str}  # fmt: skip
    assert {field: type(value) for field, value in task.items()} == kinds
    assert all(isinstance(value, str) for value in task["envs"].values())
    for part in ("setup", "run"):
        subprocess.run(["bash", "-n"], input=task[part], text=True, check=True)
