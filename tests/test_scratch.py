"""Folders that processes write in while they live: gone with them, whenever they were killed."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

from distilbench.engines import Scratch, sweep_scratch


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def old(folder: Path, *files: str) -> Path:
    folder.mkdir()
    for name in files:
        (folder / name).touch()
    os.utime(folder, (time.time() - 3600,) * 2)
    return folder


def test_what_lives_and_what_is_somebody_elses_is_kept(place: Path) -> None:
    lives = Scratch()
    (lives.path / "job.json").touch()
    kept = {
        lives.path,
        old(place / "distilbench-results", "report.html"),  # has no lock: never ours
        old(place / ".distilbench-cache", "lock", "texts.json"),
        old(place / "other-distilbench-x", "lock"),
    }
    (place / ".distilbench-new").mkdir()  # is being made
    (place / "distilbench-link").symlink_to(place / "distilbench-results")
    sweep_scratch()
    assert set(place.iterdir()) == kept | {place / ".distilbench-new", place / "distilbench-link"}
    lives.remove()
    assert not lives.path.exists()


@pytest.mark.parametrize("made", ["while it was used", "before it was locked", "when it was new"])
def test_what_the_killed_left_is_removed(place: Path, made: str) -> None:
    files, name = {
        "while it was used": (("lock", "job.json"), "distilbench-a"),
        "before it was locked": ((), ".distilbench-a"),
        "when it was new": (("lock",), ".distilbench-a"),
    }[made]
    old(place / name, *files)
    sweep_scratch()
    assert not list(place.iterdir())


@pytest.mark.parametrize("by", ["its own", "a sweep"])
def test_killed_while_it_was_removed(place: Path, monkeypatch: pytest.MonkeyPatch, by: str) -> None:
    """After the lock, which is no more than a file like the others, and before the rest."""
    killed = Scratch()
    (killed.path / "job.json").touch()

    class Killed(BaseException):
        pass

    def some(folder: Path, ignore_errors: bool) -> None:
        (Path(folder) / "lock").unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", some)
        if by == "a sweep":
            killed._lock.close()
        with pytest.raises(Killed):
            killed.remove() if by == "its own" else sweep_scratch()
    assert len(list(place.iterdir())) == 1
    sweep_scratch()
    assert not list(place.iterdir())
