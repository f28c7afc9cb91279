"""Shards: a cell in parts of a bounded size, each with logs, a journal and facts of its own.

The cut follows from a cell's number of questions and epochs alone, never from who answers them or
how many do, so that it is the same on every machine and after every kill. A log is written whole
when it is flushed; what that costs is bounded because a shard is.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from distilbench.runner._plan import Cell

SHARD_SAMPLES = 1_000
"""Samples (questions x epochs) of a shard, at most, unless one question has more epochs."""


class Shard(BaseModel):
    """The questions ``first`` to ``last`` (not included) of a cell, in all their epochs."""

    model_config = ConfigDict(frozen=True)

    number: int
    """From 1."""
    of: int
    first: int
    last: int

    @property
    def questions(self) -> int:
        return self.last - self.first


class Share(BaseModel):
    """What one worker answers of a cell."""

    cell: Cell
    shards: list[Shard]


def cut(questions: int, epochs: int) -> list[Shard]:
    """The shards of a cell: as few as hold to the bound, and as even as can be.

    >>> [(s.first, s.last) for s in cut(2_500, 1)]
    [(0, 833), (833, 1666), (1666, 2500)]
    >>> [s.questions for s in cut(3, 700)], [s.questions for s in cut(0, 1)]
    ([1, 1, 1], [0])
    """
    most = max(1, SHARD_SAMPLES // epochs)
    number = max(1, -(-questions // most))
    edges = [questions * n // number for n in range(number + 1)]
    return [
        Shard(number=n + 1, of=number, first=edges[n], last=edges[n + 1]) for n in range(number)
    ]


def deal(shares: list[Share], hands: int) -> list[list[Share]]:
    """The shards of several cells dealt out like cards, in turn, so that workers that begin at once
    come to their end at about the same time. None gets nothing.

    >>> deal([], 3)
    []
    """
    cards = [(share.cell, shard) for share in shares for shard in share.shards]
    dealt: list[list[Share]] = [[] for _ in range(min(hands, len(cards)))]
    for turn, (cell, shard) in enumerate(cards):
        hand = dealt[turn % len(dealt)]
        if not hand or hand[-1].cell.name != cell.name:
            hand.append(Share(cell=cell, shards=[]))
        hand[-1].shards.append(shard)
    return dealt
