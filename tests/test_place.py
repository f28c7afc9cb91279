"""Where a run is: names as people write them, and a URL that is written, read, lost and shared."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import pytest

from distilbench.errors import InputError
from distilbench.place import Place, Remote, Unreachable, at_work, copied, pull, send
from distilbench.place._copy import kept_at
from distilbench.place._lease import Lease, TakenOver, take
from distilbench.place._mirror import Mirror, begun_log, sent_log
from tests.loopback_s3 import BUCKET, SECRET, Store, s3


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with s3() as store:
        yield store


@pytest.fixture(autouse=True)
def quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, and seconds as fractions of one."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("distilbench.place._lease.EXPIRES_S", 0.6)
    monkeypatch.setattr("distilbench.place._lease.GLANCE_S", 0.05)
    monkeypatch.setattr("distilbench.place._mirror.EXPIRES_S", 0.6)
    for module in ("_mirror", "_work"):
        monkeypatch.setattr(f"distilbench.place.{module}.PERIOD_S", 0.1)
    monkeypatch.setattr("distilbench.place._work.PATIENCE_S", 0.5)
    monkeypatch.setattr("distilbench.place._work._STOPPED_PATIENCE_S", 0.2)


def s3_place(name: str) -> Place:
    return Place.parse(f"s3://{BUCKET}/runs/{name}")


def other_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str = "other") -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / name))


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        file = folder / name.replace("__", "/").replace("_json", ".json").replace(
            "_lines", ".jsonl"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def contents(folder: Path) -> dict[str, str]:
    return {
        file.relative_to(folder).as_posix(): file.read_text()
        for file in folder.rglob("*")
        if file.is_file() and not file.name.startswith(".")
    }


# Names


@pytest.mark.parametrize(
    ("given", "url", "path"),
    [
        ("runs/demo/", None, "runs/demo"),
        ("demo", None, "demo"),
        ("./runs", None, "runs"),
        (r"C:\runs\demo", None, r"C:\runs\demo"),
        ("C:/runs/demo", None, "C:/runs/demo"),
        ("a:b", None, "a:b"),
        ("odd:/name", None, "odd:/name"),
        ("file:///tmp/a%20b/", None, "/tmp/a b"),
        ("file://localhost/tmp/a", None, "/tmp/a"),
        ("s3://bucket", "s3://bucket", "bucket"),
        ("s3://bucket/", "s3://bucket", "bucket"),
        ("S3://bucket//runs/demo//", "s3://bucket/runs/demo", "demo"),
        ("memory://x/y", "memory://x/y", "y"),
        ("gs://b/run", "gs://b/run", "run"),
    ],
)
def test_names_as_people_write_them(given: str, url: str | None, path: str) -> None:
    place = Place.parse(given)
    assert (place.url, str(place.path)) == (url, path)
    assert str(place / "x") == f"{url or path}/x"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("s3://AKIAIOSFODNN7EXAMPLE:hunter2@bucket/x", "holds a login"),
        ("s3://user@bucket/x", "holds a login"),
        ("s3://bucket/x?X-Amz-Signature=hunter2", "holds parameters"),
        ("s3://bucket/AKIAIOSFODNN7EXAMPLE/x", "looks like a key"),
        ("s3://", "names no bucket"),
        ("s3:///x", "names no bucket"),
        ("s3:/bucket/x", "one slash"),
        ("https://bucket.s3.amazonaws.com/x", "is a web page"),
        ("zz9://x/y", "there is no store 'zz9'"),
        ("simplecache::s3://bucket/x", None),
        ("s3://bucket/../x", "holds . or .."),
        ("file://host/x", "names another machine"),
        ("", "has no name"),
    ],
)
def test_names_that_are_refused(given: str, said: str | None) -> None:
    if said is None:  # to pathlib a name like any other, and to no fsspec
        assert Place.parse(given).url is None
        return
    with pytest.raises(InputError) as error:
        Place.parse(given)
    assert said in str(error.value)
    assert "hunter2" not in str(error.value)
    assert "AKIA" not in str(error.value)


def test_a_path_of_pathlib_that_lost_a_slash_is_no_folder() -> None:
    with pytest.raises(InputError, match="one slash"):
        Place.parse(Path("s3://bucket/runs"))


# Written, read


def test_what_is_written_here_is_there(store: Store) -> None:
    place = s3_place("written")
    with at_work(place) as folder:
        assert folder.name == "written"
        write(folder, run_json="{}", cells__a__logs__journal_lines="1\n2\n3", workers__x="")
        (folder / ".lock").write_text("")
        (folder / "cells/a/logs/.eval-set-id").write_text("id")
    names = {name.removeprefix("runs/written/") for name in store.objects("runs/written/")}
    (piece,) = (name for name in names if "journal" in name)
    assert names - {piece} == {
        ".lease/000001", "run.json", "workers/x", "cells/a/logs/.eval-set-id",
    }  # fmt: skip
    with copied(place) as copy:
        assert copy != folder
        # The third line is cut: its sample was not finished.
        assert contents(copy) == {
            "run.json": "{}", "workers/x": "", "cells/a/logs/journal.jsonl": "1\n2\n",
        }  # fmt: skip


def test_a_local_place_is_itself(tmp_path: Path) -> None:
    with at_work(Place(tmp_path)) as folder, copied(Place(tmp_path)) as copy:
        assert folder == copy == tmp_path


def test_a_copy_brings_only_what_is_new(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    place = s3_place("again")
    with at_work(place) as folder:
        write(folder, run_json="{}", a="1", b="1")
    fetched: list[str] = []
    get = Remote.get
    monkeypatch.setattr(
        Remote, "get", lambda self, name, to: (fetched.append(name), get(self, name, to))[1]
    )
    with copied(place):
        pass
    assert sorted(fetched) == ["a", "b", "run.json"]
    fetched.clear()
    with at_work(place) as folder:
        write(folder, a="2")
        (folder / "b").unlink()
    with copied(place) as copy:
        assert contents(copy) == {"run.json": "{}", "a": "2"}
    assert fetched == ["a"]


def test_names_that_lead_out_of_the_folder_are_refused(store: Store) -> None:
    store.client.put_object(Bucket=BUCKET, Key="runs/out/../../x", Body=b"")
    with pytest.raises(InputError, match="has no name of a file"), copied(s3_place("out")):
        pass
    store.client.delete_object(Bucket=BUCKET, Key="runs/out/../../x")


# Lost machines, faults of the store


@contextmanager
def mirror_of(folder: Path, remote: Remote) -> Iterator[Mirror]:
    with begun_log(sent_log(folder), [], {}) as log:
        yield Mirror(folder, remote, {}, log, Lease(remote, "tested", 1, "", None))


class Faulty(Remote):
    """Fails at the ``at``-th thing it is asked to write or remove."""

    def __init__(self, url: str, at: int) -> None:
        super().__init__(url)
        self.left = at

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Unreachable(self.url, "is gone", "wait")

    def write(self, name: str, data: bytes) -> None:
        self._count()
        super().write(name, data)

    def put(self, name: str, file: Path) -> None:
        self._count()
        super().put(name, file)

    def remove(self, names: Any) -> None:
        self._count()
        super().remove(names)


def scenes(folder: Path) -> Iterator[set[str]]:
    """A shard from its first sample to its end, and the samples that are safe after each scene."""
    logs = folder / "cells/a/logs"
    write(folder, run_json="{}", cells__a__logs__journal_lines="s1\n")
    yield {"s1"}
    with (logs / "journal.jsonl").open("a") as file:
        file.write("s2\ns3\n")
    yield {"s1", "s2", "s3"}
    (logs / "one.log").write_text("s1\ns2\ns3\n")
    (logs / "journal.jsonl").unlink()
    yield {"s1", "s2", "s3"}
    (logs / "journal.jsonl").write_text("s4\n")  # the next attempt
    yield {"s1", "s2", "s3", "s4"}
    (folder / "cells/a/samples.parquet").write_text("all")
    (folder / "cells/a/cell.json").write_text("{}")
    (logs / "one.log").write_text("s1\ns2\ns3\ns4\n")
    (logs / "journal.jsonl").unlink()
    yield {"s1", "s2", "s3", "s4"}


def samples_at(remote: Remote, folder: Path) -> set[str]:
    pull(remote, folder)
    files = contents(folder)
    if "cells/a/cell.json" in files:  # what is finished is whole
        assert files["cells/a/samples.parquet"] == "all"
    texts = [text for name, text in files.items() if "/logs/" in name]
    return set("".join(texts).split())


@pytest.mark.parametrize("at", range(1, 16))
def test_a_fault_at_any_moment_loses_nothing_that_was_sent(at: int, tmp_path: Path) -> None:
    """The store fails at each operation in turn; what it holds can always be resumed."""
    url = f"memory://faults/{at}"
    folder, remote = tmp_path / "run", Faulty(url, at)
    folder.mkdir()
    safe = set[str]()
    with mirror_of(folder, remote) as mirror:
        for samples in scenes(folder):
            for _ in range(2):
                try:
                    mirror.send()
                    safe = samples
                except Unreachable:
                    pass
                assert samples_at(Remote(url), tmp_path / "seen") >= safe
        for _ in range(3):
            mirror.send()
    assert samples_at(Remote(url), tmp_path / "seen") == {"s1", "s2", "s3", "s4"}
    assert contents(tmp_path / "seen") == contents(folder)
    assert not [name for name in Remote(url).files() if "journal" in name]


def test_a_removed_folder_removes_nothing_there(tmp_path: Path) -> None:
    import shutil

    folder, remote = tmp_path / "run", Remote("memory://faults/removed")
    write(folder, run_json="{}", a="1")
    with mirror_of(folder, remote) as mirror:
        mirror.send()
        shutil.rmtree(folder)
        for _ in range(3):
            mirror.send()
    assert set(remote.files()) == {"run.json", "a"}


def test_a_log_that_is_being_written_waits(tmp_path: Path) -> None:
    folder, remote = tmp_path / "run", Remote("memory://faults/half")
    write(folder, run_json="{}", a="1")
    (folder / "x.eval").write_bytes(b"PK half")
    with mirror_of(folder, remote) as mirror:
        mirror.send()
    assert "x.eval" not in remote.files()


def test_another_machine_goes_on_where_one_was_lost(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is lost without a word; the second has its samples, finishes, and gives back; the
    first comes back and keeps what it alone had finished, and nothing half beside what the second
    finished."""
    place, notes = s3_place("lost"), list[str]()
    assert place.url
    remote, folder = Remote(place.url), kept_at("runs", place)
    folder.mkdir()
    lease = take(remote, "first", [], notes.append)
    write(folder, run_json="{}", cells__a__logs__journal_lines="s1\n", cells__b__logs__x="b")
    with begun_log(sent_log(folder), ["first"], {}) as log:
        mirror = Mirror(folder, remote, {}, log, lease)
        mirror.send()
    # Not sent any more:
    write(folder, cells__b__cell_json="{}", cells__a__logs__late="unsent")
    other_machine(monkeypatch, tmp_path)
    with at_work(place, notes.append) as there:
        assert contents(there)["cells/a/logs/journal.jsonl"] == "s1\n"
        write(there, cells__a__cell_json='{"by": 2}', cells__a__logs__log="s1 s2")
        (there / "cells/a/logs/journal.jsonl").unlink()
    assert "waiting up to" in notes[0]
    with pytest.raises(TakenOver):
        mirror.renew()
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    with at_work(place) as back:
        assert back == folder
        pass
    with copied(place) as copy:
        assert contents(copy) == {
            "run.json": "{}",
            "cells/a/cell.json": '{"by": 2}', "cells/a/logs/log": "s1 s2",
            "cells/b/cell.json": "{}", "cells/b/logs/x": "b",
        }  # fmt: skip


def test_the_same_machine_goes_on_at_once_and_sends_the_rest(store: Store) -> None:
    place, notes = s3_place("same"), list[str]()
    assert place.url
    folder = kept_at("runs", place)
    folder.mkdir()
    begun_log(sent_log(folder), ["first"], {}).close()
    take(Remote(place.url), "first", [], notes.append)
    write(folder, run_json="{}", a="never sent")
    with at_work(place, notes.append) as again:
        assert again == folder
    assert not notes
    assert store.objects("runs/same/a") == {"runs/same/a": b"never sent"}


def test_a_run_that_was_removed_there_is_begun_anew(store: Store) -> None:
    place, notes = s3_place("gone"), list[str]()
    with at_work(place) as folder:
        write(folder, run_json="{}")
    for name in store.objects("runs/gone/"):
        store.client.delete_object(Bucket=BUCKET, Key=name)
    with at_work(place, notes.append) as folder:
        assert contents(folder) == {}
    (note,) = notes
    assert contents(Path(note.rpartition(": ")[2])) == {"run.json": "{}"}


# Two drivers


def test_two_drivers_on_one_url(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place("two")
    with at_work(place) as folder:
        write(folder, run_json="{}")
        with pytest.raises(InputError, match="another run is at work in it, on this machine"):
            work(str(place))
        other_machine(monkeypatch, tmp_path)
        with pytest.raises(InputError, match=r"another run is at work in it \(on "):
            work(str(place))


def test_of_many_who_begin_at_once_one_gets_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    monkeypatch.setattr("distilbench.place._lease.gives_a_sign", lambda *_: True)

    url = f"s3://{BUCKET}/runs/race"

    def begin(name: str) -> bool:
        try:
            take(Remote(url), name, [], lambda _: None)
            return True
        except InputError:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, "abcdefgh")) == 1


def test_who_was_taken_over_writes_no_more(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = s3_place("over")
    stopped: list[int] = []
    monkeypatch.setattr("distilbench.place._presence._interrupt", lambda: stopped.append(1))

    def work_on() -> None:
        with at_work(place) as folder:
            write(folder, run_json="{}")
            store.client.put_object(Bucket=BUCKET, Key="runs/over/.lease/000002", Body=b"{}")
            until = time.monotonic() + 10
            while not stopped and time.monotonic() < until:
                time.sleep(0.02)
            write(folder, late="x")

    with pytest.raises(InputError, match="taken it over"):
        work_on()
    assert stopped == [1]
    assert "runs/over/late" not in store.objects("runs/over/")


# The store answers not, or refuses


def test_a_store_that_is_gone_meanwhile_is_waited_for(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, notes = s3_place("away"), list[str]()
    put = Remote.put

    def gone(self: Remote, name: str, file: Path) -> None:
        raise Unreachable(self.url, "does not answer", "check the network")

    with at_work(place, notes.append) as folder:
        monkeypatch.setattr(Remote, "put", gone)
        write(folder, run_json="{}")
        until = time.monotonic() + 10
        while not notes and time.monotonic() < until:
            time.sleep(0.02)
        monkeypatch.setattr(Remote, "put", put)
    assert "does not answer" in notes[0]
    assert "the run goes on" in notes[0]
    assert "answers again" in notes[-1]
    assert "runs/away/run.json" in store.objects("runs/away/")


def test_what_could_not_be_sent_is_kept_and_sent_next_time(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, put = s3_place("kept"), Remote.put

    def gone(self: Remote, name: str, file: Path) -> None:
        raise Unreachable(self.url, "does not answer", "check the network")

    monkeypatch.setattr(Remote, "put", gone)
    with pytest.raises(InputError, match=r"it is kept in .*; the same command sends it"):
        work_and_write(str(place))
    monkeypatch.setattr(Remote, "put", put)
    with at_work(place):
        pass
    assert "runs/kept/run.json" in store.objects("runs/kept/")


FAULTS: dict[str, tuple[str, dict[str, str | None], str]] = {
    "no bucket": ("s3://nobody/x", {}, "there is no such bucket"),
    "bad bucket": ("s3://B ad/x", {}, "its bucket has no valid name"),
    "nobody listens": (
        f"s3://{BUCKET}/x", {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "does not answer",
    ),
    "no endpoint": (f"s3://{BUCKET}/x", {"AWS_ENDPOINT_URL": "nonsense"}, "is no address"),
    "endpoint with a login": (
        f"s3://{BUCKET}/x", {"AWS_ENDPOINT_URL": f"http://u:{SECRET}@127.0.0.1:9"}, "not",
    ),
    "no keys": (
        f"s3://{BUCKET}/x",
        {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None, "HOME": "/nowhere"},
        "no credentials",
    ),
    "no package": ("gs://b/x", {}, "pip install gcsfs"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_store_that_refuses_is_one_sentence_within_seconds(
    fault: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, variables, said = FAULTS[fault]
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    begun = time.monotonic()
    looks = (lambda: Remote(url).files(),)
    for use in (*(looks if "bucket" in fault else ()), lambda: work(url)):
        with pytest.raises(InputError, match=said) as error:
            use()
        assert SECRET not in str(error.value)
        assert "\n" not in str(error.value)
    assert time.monotonic() - begun < 60  # seconds, on a machine that is not busy


def work(url: str) -> None:
    with at_work(Place.parse(url)):
        pass


@pytest.mark.parametrize("method", ["_pipe_file", "_put_file", "_call_s3"])
def test_no_permission(method: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    import s3fs

    async def refused(*_: Any, **__: Any) -> None:
        raise PermissionError(f"Access Denied for {SECRET}")

    monkeypatch.setattr(s3fs.S3FileSystem, method, refused)
    with pytest.raises(InputError, match=r"access is refused") as error:
        work_and_write(f"s3://{BUCKET}/runs/denied-{method.strip('_')}")
    assert SECRET not in str(error.value)


def work_and_write(url: str) -> None:
    with at_work(Place.parse(url)) as folder:
        write(folder, run_json="{}")


def test_a_store_that_cannot_be_held_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def without(*_: Any, mode: str = "overwrite", **__: Any) -> None:
        if mode == "create":
            raise NotImplementedError

    monkeypatch.setattr(fsspec.get_filesystem_class("memory"), "pipe_file", without)
    with pytest.raises(InputError, match="distilbench merge FOLDER --out URL"):
        work("memory://held/x")


def test_a_folder_is_sent_under_another_name(tmp_path: Path) -> None:
    place = Place.parse("memory://parts/run")
    write(tmp_path / "run", cells__b__x="other's")
    send(tmp_path / "run" / "cells", place, "copy")
    assert place.url
    assert Remote(place.url).read("copy/b/x") == b"other's"


def test_no_key_is_in_what_is_left(store: Store, tmp_path: Path) -> None:
    place = s3_place("keys")
    with at_work(place) as folder:
        write(folder, run_json="{}")
    left = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert all(SECRET.encode() not in data for data in (*left, *store.objects().values()))
    lease = json.loads(store.objects("runs/keys/.lease/000001")["runs/keys/.lease/000001"])
    assert lease["state"] == "over"
