"""What is written whole or not at all, and what is made once."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.cache import cache_folder, made_once, remembered
from distilbench.files import copy_file, whole_alone, whole_file, write_bytes, write_text
from distilbench.yaml_file import parse_yaml, yaml_text


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_a_write_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "a.txt"
    write_text(file, "before\n")
    with pytest.raises(ZeroDivisionError), whole_file(file) as partial:
        _fail(partial, "text")
    with pytest.raises(UnicodeEncodeError):
        write_text(file, "no \ud800 UTF-8")
    with pytest.raises(FileNotFoundError):
        copy_file(tmp_path / "nothing", file)
    assert file.read_bytes() == b"before\n"
    write_bytes(file, b"after")
    assert [p.name for p in file.parent.iterdir()] == ["a.txt"]
    assert file.read_bytes() == b"after"


def test_a_folder_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    place, left = tmp_path / "model", tmp_path / ".model.partial"
    left.mkdir()
    (left / "of a killed process").touch()
    with whole_alone(place) as partial:
        assert not partial.exists()
        partial.mkdir()
        (partial / "weights").write_text("1")
    with pytest.raises(ZeroDivisionError), whole_alone(place) as partial:
        _fail(partial)
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("weights", "1")]
    with whole_alone(place) as partial:
        partial.mkdir()
    assert [p.name for p in tmp_path.iterdir() if p.name != "cache"] == ["model"]
    assert not list(place.iterdir())


def _fail(out: Path, kind: str = "folder") -> None:
    if kind == "folder":
        out.mkdir()
    (out if kind == "text" else out / "weights").write_text("half")
    raise ZeroDivisionError


def test_what_is_remembered_is_found_once(cache: Path) -> None:
    asked: list[str] = []

    def find(value: str) -> str:
        asked.append(value)
        return value

    assert [remembered("digest", "a", lambda: find("1")) for _ in range(2)] == ["1", "1"]
    assert remembered("digest", "b", lambda: find("2")) == "2"
    assert json.loads((cache / "digest.json").read_text()) == {"a": "1", "b": "2"}
    for damaged in ('{"a": "1"', "[]", "3", '{"a": 5}', "\0"):
        (cache / "digest.json").write_text(damaged)
        assert remembered("digest", "a", lambda: find("3")) == "3"
    assert asked == ["1", "2", *["3"] * 5]


def test_many_remember_at_once_and_nothing_is_lost(cache: Path) -> None:
    threads = [
        threading.Thread(target=remembered, args=("digest", str(n), lambda n=n: str(n * n)))
        for n in range(30)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = json.loads((cache / "digest.json").read_text())
    assert kept == {str(n): str(n * n) for n in range(30)}


def test_what_is_made_once_is_made_by_one_while_others_wait(tmp_path: Path) -> None:
    made, found = [], []
    place, slow = tmp_path / "out" / "model.gguf", threading.Event()

    def make(out: Path) -> None:
        made.append(out)
        slow.wait(0.3)
        out.write_text("whole")

    def ask() -> None:
        found.append(made_once(place, make).read_text())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert found == ["whole"] * 4
    assert [p.name for p in place.parent.iterdir()] == ["model.gguf"]  # no lock beside it


def test_what_could_not_be_made_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        made_once(tmp_path / "model", _fail)
    assert not (tmp_path / "model").exists()
    assert made_once(tmp_path / "model", lambda out: out.mkdir()).is_dir()
    assert cache_folder() == tmp_path / "cache"


_TEXTS = st.text(
    st.characters(
        blacklist_categories=("Cs",),
        blacklist_characters=[chr(n) for n in (*range(9), 11, 12, *range(14, 32), 127)],
    )
) | st.sampled_from(
    ["1e3", "0o17", "0x1f", "010", "1_000", ".5", "yes", "no", "~", "1:30", "2025-01-01", "<<", "",
     "- a", "a: b", "#", "true", ".inf", "-.nan", "= x", "*a", "&a", "!t", "%", "@", "`", "\n",
     "\r", "\x85", "\u2028", "\ufeff"]
)  # fmt: skip
_DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXTS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(_TEXTS, _DATA, max_size=4))
def test_yaml_reads_back_as_it_was_written(data: dict[str, object]) -> None:
    assert parse_yaml(yaml_text(data), "", "f").data == data
