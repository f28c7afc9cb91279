"""Examples as padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.distill.data._corpus import Example
from distilbench.distill.data._packing import Packed

if TYPE_CHECKING:
    import torch

IGNORED = -100
"""Label of a token that no loss is taken on."""


@dataclass(frozen=True)
class Collator:
    """Makes a batch of dataset rows (see :func:`rows`): ids padded on the right, labels with
    prompts and padding ignored; and prompts alone, padded on the left, for generation."""

    pad: int

    def __call__(self, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        made = to_batch([as_example(row) for row in batch], self.pad)
        if any(row.get("lengths") for row in batch):
            return made
        if all(row["prompt"] for row in batch):
            prompts = [row["prompt"] for row in batch]
            made["prompts"], made["prompt_attention_mask"] = _padded(prompts, self.pad, left=True)
        return made


def rows(examples: Sequence[Example], logits: Sequence[Sequence[Path]] | None = None) -> Any:
    """Examples as a ``datasets.Dataset``, each with the files of its teacher's logits, if there are
    any: one, or one for each that is packed into it."""
    from datasets import Dataset

    made = [example.row() for example in examples]
    if logits is not None:
        made = [
            {**row, "logits": [str(file) for file in files]}
            for row, files in zip(made, logits, strict=True)
        ]
    return Dataset.from_list(made)


def as_example(row: dict[str, Any]) -> Example:
    if row.get("lengths"):
        return Packed((), tuple(row["completion"]), tuple(row["learnt"]), lengths=row["lengths"])
    return Example(tuple(row["prompt"]), tuple(row["completion"]), tuple(row.get("learnt") or ()))


def to_batch(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """``input_ids``, ``attention_mask`` and ``labels``, each of shape (examples, longest)."""
    import torch

    ids, mask = _padded([example.ids for example in examples], pad)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        begin, end = len(example.prompt), len(example.ids)
        tokens = torch.tensor(example.completion)
        if example.learnt:
            tokens[~torch.tensor(example.learnt)] = IGNORED
        labels[row, begin:end] = tokens
    made = {"input_ids": ids, "attention_mask": mask, "labels": labels}
    if any(isinstance(example, Packed) for example in examples):
        made["position_ids"] = _positions(examples, ids.shape[1])
    return made


def _positions(examples: Sequence[Example], width: int) -> torch.Tensor:
    """Positions of each row's tokens within the example that they are of; 0 of padding."""
    import torch

    made = torch.zeros(len(examples), width, dtype=torch.long)
    for row, example in enumerate(examples):
        at = 0
        for length in example.lengths if isinstance(example, Packed) else [len(example.ids)]:
            made[row, at : at + length] = torch.arange(length)
            at += length
    return made


def _padded(
    sequences: Sequence[Sequence[int]], pad: int, left: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    width = max(map(len, sequences))
    ids, mask = [], []
    for sequence in sequences:
        gap = width - len(sequence)
        parts = ([pad] * gap, list(sequence)) if left else (list(sequence), [pad] * gap)
        marks = ([0] * gap, [1] * len(sequence)) if left else ([1] * len(sequence), [0] * gap)
        ids.append([*parts[0], *parts[1]])
        mask.append([*marks[0], *marks[1]])
    return torch.tensor(ids), torch.tensor(mask)
