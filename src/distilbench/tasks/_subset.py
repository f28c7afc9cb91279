"""Draws a random part of a task's questions, stratum by stratum."""

from __future__ import annotations

import random
from collections.abc import Sequence

from distilbench.errors import InputError
from distilbench.tasks._questions import Question
from distilbench.tasks._spec import Subset

ALL = "all"
"""The only stratum of a subset without strata."""


def draw(
    questions: Sequence[Question], subset: Subset, seed: int, where: str
) -> tuple[list[Question], dict[str, int]]:
    """The questions of a subset, in random order, and the size of each stratum in full.

    ``stratum`` of each question is set before. Within a stratum every set of questions is as
    likely as another, also of the first so many. All are taken where there are no more than
    asked for.
    """
    strata: dict[str, list[int]] = {}
    for index, question in enumerate(questions):
        strata.setdefault(question.stratum or ALL, []).append(index)
    sizes = {name: len(members) for name, members in sorted(strata.items())}
    if subset.questions < len(sizes):
        raise InputError(
            where,
            f"a subset of {subset.questions} questions cannot hold one of each of the "
            f"{len(sizes)} strata by {subset.stratify!r}",
            "ask more questions, or stratify by what has fewer values",
        )
    drawing = random.Random(seed)
    chosen = [
        questions[index].model_copy(update={"stratum": name})
        for name, count in allocate(sizes, subset.questions).items()
        for index in drawing.sample(strata[name], count)
    ]
    drawing.shuffle(chosen)
    return chosen, sizes


def allocate(sizes: dict[str, int], total: int) -> dict[str, int]:
    """``total`` shared out in proportion to the sizes, one at least to each, none above its size.

    >>> allocate({"easy": 60, "hard": 30, "rare": 1}, 10)
    {'easy': 6, 'hard': 3, 'rare': 1}
    """
    everything = sum(sizes.values())
    if total >= everything:
        return dict(sizes)
    exact = {name: total * size / everything for name, size in sizes.items()}
    given = {name: max(1, int(share)) for name, share in exact.items()}
    while (left := total - sum(given.values())) != 0:
        step = 1 if left > 0 else -1
        movable = [n for n in sizes if (given[n] < sizes[n] if step > 0 else given[n] > 1)]
        name = max(movable, key=lambda n: step * (exact[n] - given[n]))
        given[name] += step
    return given
