"""How a cell is cut, and what its record makes of the facts of its shards: values by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.runner._plan import Cell
from distilbench.runner._shards import SHARD_SAMPLES, Share, cut, deal
from distilbench.runner._together import together


@given(st.integers(0, 50_000), st.integers(1, 2_000))
def test_every_question_is_in_one_shard_and_none_is_too_large(questions: int, epochs: int) -> None:
    shards = cut(questions, epochs)
    asked = [n for shard in shards for n in range(shard.first, shard.last)]
    assert asked == list(range(questions))
    sizes = [shard.questions for shard in shards]
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) * epochs <= SHARD_SAMPLES or max(sizes) <= 1
    assert [(s.number, s.of) for s in shards] == [(n + 1, len(shards)) for n in range(len(shards))]


@given(st.lists(st.integers(1, 9), max_size=6), st.integers(1, 8))
def test_every_shard_is_dealt_once_and_hands_are_even(sizes: list[int], hands: int) -> None:
    cells = [Cell.model_construct(name=str(n)) for n in range(len(sizes))]
    shares = [
        Share.model_construct(cell=cell, shards=cut(n * SHARD_SAMPLES, 1))
        for cell, n in zip(cells, sizes, strict=True)
    ]
    dealt = deal(shares, hands)
    got = sorted(
        (share.cell.name, shard.number)
        for hand in dealt
        for share in hand
        for shard in share.shards
    )
    assert got == sorted((str(n), k + 1) for n, size in enumerate(sizes) for k in range(size))
    held = [sum(len(share.shards) for share in hand) for hand in dealt]
    assert len(held) == min(hands, sum(sizes))
    assert not held or max(held) - min(held) <= 1
    assert all(len({s.cell.name for s in hand}) == len(hand) for hand in dealt)


def shard(**facts: Any) -> dict[str, Any]:
    return {"machine": "a", "begun": 100.0, "wall_s": 10.0, "samples": 4, "engine": "e", **facts}


def test_one_shard_is_the_cell() -> None:
    facts = shard(peak_memory_bytes=7, hardware="x", energy_known=None, refused=None)
    assert together([facts]) == {
        "samples": 4, "engine": "e", "peak_memory_bytes": 7, "hardware": "x", "wall_s": 10.0,
        "energy_known": None, "refused": None, "shards": 1, "side_by_side": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("second", "wall_s", "at_once"),
    [
        ({"begun": 110.0}, 20.0, 1),  # one after the other
        ({"begun": 200.0, "wall_s": 5.0}, 15.0, 1),  # after a pause, which is nobody's
        ({"begun": 104.0}, 14.0, 2),  # side by side: from 100 to 114
        ({"begun": 104.0, "machine": "b"}, 20.0, 1),  # on two machines
    ],
)
def test_time_that_is_shared_counts_once_on_a_machine(
    second: dict[str, Any], wall_s: float, at_once: int
) -> None:
    cell = together([shard(), shard(**second)])
    assert (cell["wall_s"], cell["side_by_side"], cell["samples"]) == (wall_s, at_once, 8)


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("energy_total_j", (3.0, 4.5), 7.5),
        ("energy_total_j", (3.0, None), None),  # a part is not the whole
        ("resumed_samples", (0, 2), 2),
        ("peak_memory_bytes", (5, 9), 9),
        ("peak_memory_bytes", (5, None), None),  # one engine died
        ("warmup_s", (0.5, None), 0.5),  # the second shard found it warm
        ("warmup_s", (None, None), None),
        ("warmup_tokens", (40, 40), 40),
        ("load_s", (1.0, 1.5), 1.5),
        ("energy_known", ("measured", "estimated"), "estimated"),
        ("energy_known", ("measured", None), None),
        ("threads", (2, 2), 2),
        ("threads", (2, 4), None),
        ("hardware", ("x", "y"), "differs: x | y"),
        ("clock", ("ours", None), "differs: ours | not available"),
        ("refused", (None, None), None),
    ],
)
def test_what_each_fact_becomes(name: str, values: tuple[Any, Any], expected: object) -> None:
    assert together([shard(**{name: value}) for value in values])[name] == expected
