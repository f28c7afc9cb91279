"""Several examples in one row, none of which sees another: TRL's packing, best fit decreasing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from distilbench.distill.data._corpus import Example

T = TypeVar("T")


@dataclass(frozen=True)
class Packed(Example):
    """Examples one behind the other, of ``lengths`` tokens each."""

    lengths: Sequence[int] = field(kw_only=True)

    def row(self) -> dict[str, Any]:
        return {**super().row(), "lengths": list(self.lengths)}


def packed(
    examples: Sequence[Example], kept: Sequence[T] | None, length: int
) -> tuple[list[Packed], list[list[T]] | None]:
    """The examples in rows of at most ``length`` tokens; and of what is kept for each, that of each
    row in the same order."""
    groups = _groups([len(example.ids) for example in examples], length)
    made = [_joined([examples[number] for number in group]) for group in groups]
    return made, None if kept is None else [[kept[n] for n in group] for group in groups]


def _joined(examples: Sequence[Example]) -> Packed:
    learnt: list[bool] = []
    for example in examples:
        own = example.learnt or (True,) * len(example.completion)
        silent = len(example.prompt)
        # Nothing of an example foretells its first token: what stands before it is another's.
        learnt += [False] * silent + [bool(one) for one in own] if silent else [False, *own[1:]]
    ids = tuple(token for example in examples for token in example.ids)
    return Packed((), ids, tuple(learnt), lengths=[len(example.ids) for example in examples])


def _groups(lengths: Sequence[int], length: int) -> list[list[int]]:
    """Numbers of the examples that share a row."""
    import datasets
    from trl import pack_dataset

    numbers = [[number] * size for number, size in enumerate(lengths)]
    shown = not datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        made = pack_dataset(datasets.Dataset.from_dict({"number": numbers}), length, "bfd")
    finally:
        if shown:
            datasets.enable_progress_bars()
    return [list(dict.fromkeys(row["number"])) for row in made]
