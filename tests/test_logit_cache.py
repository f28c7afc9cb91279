"""The cache of a teacher's logits: how exactly it keeps them, in how many bytes, and what a kill, a
changed byte or a full disk does to it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from distilbench.distill.accounts import StageMeter, StageRecord
from distilbench.distill.data import Example
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher import (
    Scored,
    TeacherCache,
    cache_logits,
    logit_bytes,
    read_logits,
)
from distilbench.distill.teacher._packing import Best, bytes_per_token, pack, unpack
from distilbench.errors import InputError
from distilbench.events import Noted

LARGE = 8_192


def teacher_like(positions: int, rows: int, seed: int = 0, sharp: float = 0.0) -> Any:
    """Log-probabilities, float64, of a vocabulary whose tokens are as unlike as a text's are."""
    random = np.random.default_rng(seed)
    tail = -1.1 * np.log(np.arange(1, rows + 1))
    logits = np.stack([random.permutation(tail) for _ in range(positions)])
    logits = logits * random.uniform(0.8, 2, (positions, 1)) + random.normal(0, 2, logits.shape)
    logits[:, 7] += sharp
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)


def best_of(logprobs: Any, k: int) -> Best:
    ids = np.argpartition(-logprobs, k - 1, axis=-1)[:, :k]
    others = logprobs.copy()
    np.put_along_axis(others, ids, -np.inf, -1)
    with np.errstate(divide="ignore"):
        rest = np.logaddexp.reduce(others, axis=-1)
    found = np.take_along_axis(logprobs, ids, -1)
    return Best(ids, found.astype(np.float32), rest.astype(np.float32))


def divergences(best: Best, student: Any) -> tuple[Any, Any]:
    """Forward and reverse KL over the best and the rest, in float64, a position each."""
    own = np.take_along_axis(student, best.tokens, -1)
    others = student.copy()
    np.put_along_axis(others, best.tokens, -np.inf, -1)
    rest = np.logaddexp.reduce(others, axis=-1, keepdims=True)
    p = np.concatenate([best.logprobs, best.rest[:, None]], -1).astype(np.float64)
    q = np.concatenate([own, rest], -1)
    return (np.exp(p) * (p - q)).sum(-1), (np.exp(q) * (q - p)).sum(-1)


@pytest.mark.parametrize(("rows", "bytes_"), [(49_152, 310), (151_936, 337), (262_144, 350)])
def test_a_token_of_128_logits_takes_about_300_bytes(rows: int, bytes_: int) -> None:
    """By hand for 151,936: ids 128 x 10 low bits and 128 + 149 of the high ones, 1,557 bits; values
    128 x 7 + 16 x 9, and three float32: 2,693 bits."""
    assert bytes_per_token(128, rows) == pytest.approx(bytes_, abs=0.7)
    assert bytes_per_token(128, 151_936) * 8 == 1557 + 128 * 7 + 16 * 9 + 96


def test_ids_are_exact_and_the_size_is_as_told() -> None:
    best = best_of(teacher_like(40, LARGE), 128)
    data = pack(best, LARGE)
    found = unpack(data)
    assert (found.tokens == np.sort(best.tokens, -1)).all()
    assert len(data) == pytest.approx(40 * bytes_per_token(128, LARGE), abs=20)


@pytest.mark.parametrize("sharp", [0.0, 20.0, 60.0])
def test_packing_changes_the_loss_by_less_than_the_docs_say(sharp: float) -> None:
    """Against float64: of the mean loss less than 3e-4 nats, of one token less than 0.01."""
    whole = teacher_like(60, LARGE, sharp=sharp)
    student = whole + np.random.default_rng(1).normal(0, 1, whole.shape)
    student -= np.logaddexp.reduce(student, axis=-1, keepdims=True)
    best = best_of(whole, 128)
    exact, packed = divergences(best, student), divergences(unpack(pack(best, LARGE)), student)
    for true, found in zip(exact, packed, strict=True):
        assert abs((found - true).mean()) < 3e-4
        assert np.abs(found - true).max() < 0.01
    kept = divergences(unpack(pack(best, LARGE, "float32")), student)
    for true, found in zip(exact, kept, strict=True):
        assert found == pytest.approx(true, rel=1e-9)


@pytest.mark.parametrize("k", [1, 3, 16, 17, 50])
def test_odd_shapes(k: int) -> None:
    """All tokens of a vocabulary, one position, values that are all the same or cannot be."""
    whole = teacher_like(3, 50)
    for best in (best_of(whole, k), best_of(whole[:1], k)):
        found = unpack(pack(best, 50))
        order = np.argsort(best.tokens, -1)
        assert (found.tokens == np.take_along_axis(best.tokens, order, -1)).all()
        true = np.take_along_axis(best.logprobs, order, -1)
        assert np.abs(found.logprobs - true).max() < 0.2
        total = np.logaddexp(np.logaddexp.reduce(found.logprobs, axis=-1), found.rest)
        assert total == pytest.approx(0, abs=1e-6)
    even = Best(np.arange(k)[None], np.full((1, k), -np.log(50), np.float32), best.rest)
    assert np.ptp(unpack(pack(even, 50)).logprobs) < 1e-6
    never = Best(np.arange(k)[None], np.full((1, k), -np.inf, np.float32), best.rest)
    assert np.isneginf(unpack(pack(never, 50)).logprobs).all()


class Countingly:
    """A teacher whose logits hang on a text's first token; it notes what it was asked."""

    digest, rows, is_here = "d", LARGE, True

    def __init__(self) -> None:
        self.asked: list[tuple[int, ...]] = []

    def score(self, examples: Sequence[Example], record: StageRecord) -> list[Scored]:
        self.asked += [example.ids for example in examples]
        return [
            Scored(best_of(teacher_like(len(e.ids) - 1, LARGE, e.ids[0]), 8), 3.0, 3.0)
            for e in examples
        ]

    def formula(self, example: Example) -> float | None:
        return 3.0

    def close(self) -> None: ...


EXAMPLES = [Example((n,), (5, 6, 7)) for n in range(6)]
SETTINGS = Distillation(top_k=8)


def cached(folder: Path, examples: Sequence[Example] = EXAMPLES) -> tuple[Any, Any, list[str]]:
    teacher, told = Countingly(), []
    with StageMeter("s", folder / "meter").stage("logit_caching") as attempt:
        places = cache_logits(
            examples, teacher, SETTINGS, 2, TeacherCache(folder), "s", attempt,
            lambda event: told.append(event.text) if isinstance(event, Noted) else None,
        )  # fmt: skip
    return teacher, places, told


def test_many_texts_share_a_shard_and_are_found_again(tmp_path: Path) -> None:
    first, places, told = cached(tmp_path)
    assert len(first.asked) == 6
    assert len(list((tmp_path / "logits").iterdir())) == 1
    assert "MiB for the teacher's logits of 18 tokens" in told[0]
    again, same, told = cached(tmp_path)
    assert (again.asked, same, told) == ([], places, [])
    expected = best_of(teacher_like(3, LARGE, 4), 8)
    found = read_logits(places[4])
    assert (found["tokens"].numpy() == np.sort(expected.tokens, -1)).all()


def test_a_shard_that_was_cut_or_changed_is_made_anew_in_part(tmp_path: Path) -> None:
    _, places, _ = cached(tmp_path)
    shard, at = places[5].rsplit("@", 1)
    whole = Path(shard).read_bytes()
    Path(shard).write_bytes(whole[: int(at) + 60])  # as a kill leaves it
    teacher, _, told = cached(tmp_path)
    assert teacher.asked == [EXAMPLES[5].ids]
    assert told[0].startswith("1 of 6 kept logits of the teacher were cut short")
    changed = bytearray(whole)
    changed[int(places[2].rsplit("@", 1)[1]) + 70] ^= 1
    Path(shard).write_bytes(bytes(changed))
    with pytest.raises(InputError, match="is damaged at byte"):
        read_logits(places[2])
    teacher, places, _ = cached(tmp_path)
    assert teacher.asked == [EXAMPLES[2].ids]
    cost = TeacherCache(tmp_path).shared_costs("s")[0]
    assert cost.flops == 8 * 3.0  # what was done twice was done twice
    Path(shard).unlink()
    assert len(cached(tmp_path)[0].asked) == 4


def test_a_record_of_another_key_is_not_taken(tmp_path: Path) -> None:
    """Two places in the table changed against each other: whole records, of other texts."""
    cached(tmp_path)
    cache = TeacherCache(tmp_path)
    (one, first), (two, second) = list(cache._db.execute("select key, payload from outputs"))[:2]
    with cache._db:
        for key, payload in ((one, second), (two, first)):
            cache._db.execute("update outputs set payload = ? where key = ?", (payload, key))
    assert len(cached(tmp_path)[0].asked) == 2


def test_a_disk_without_room_is_told_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = SimpleNamespace(free=500)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    needed = logit_bytes(6, 18, LARGE, SETTINGS)
    assert 500 < needed < 2000
    with pytest.raises(InputError, match=r"needs 0\.0 MiB for the .* 18 tokens .*free"):
        cached(tmp_path)
    free.free = int(needed) + 1
    assert len(cached(tmp_path)[0].asked) == 6


def test_a_disk_that_fills_up_is_one_sentence_and_keeps_what_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno
    import os

    real, left = os.fsync, [2]

    def fsync(number: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(InputError, match=r"disk is full: .* \d+ bytes more .*was written is kept"):
        cached(tmp_path)
    monkeypatch.setattr(os, "fsync", real)
    assert cached(tmp_path)[0].asked == [e.ids for e in EXAMPLES[4:]]


def test_logits_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    class Broken(Countingly):
        def score(self, examples: Sequence[Example], record: StageRecord) -> list[Scored]:
            made = super().score(examples, record)
            made[0].best.logprobs[1, 2] = np.nan
            return made

    with (
        StageMeter("s", tmp_path / "meter").stage("logit_caching") as attempt,
        pytest.raises(InputError, match="are not numbers"),
    ):
        cache_logits(
            EXAMPLES, Broken(), SETTINGS, 2, TeacherCache(tmp_path), "s", attempt, lambda e: None
        )
