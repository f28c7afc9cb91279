"""Examples as padded batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilbench.distill.data._corpus import Example

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
        if all(row["prompt"] for row in batch):
            prompts = [row["prompt"] for row in batch]
            made["prompts"], made["prompt_attention_mask"] = _padded(prompts, self.pad, left=True)
        return made


def rows(examples: Sequence[Example], logits: Sequence[str] | None = None) -> Any:
    """Examples as a ``datasets.Dataset``, each with the place of its teacher's logits, if there are
    any."""
    from datasets import Dataset

    made = [example.row() for example in examples]
    if logits is not None:
        made = [{**row, "logits": place} for row, place in zip(made, logits, strict=True)]
    return Dataset.from_list(made)


def as_example(row: dict[str, Any]) -> Example:
    return Example(tuple(row["prompt"]), tuple(row["completion"]))


def to_batch(examples: Sequence[Example], pad: int) -> dict[str, torch.Tensor]:
    """``input_ids``, ``attention_mask`` and ``labels``, each of shape (examples, longest)."""
    import torch

    ids, mask = _padded([example.ids for example in examples], pad)
    labels = torch.full_like(ids, IGNORED)
    for row, example in enumerate(examples):
        begin, end = len(example.prompt), len(example.ids)
        labels[row, begin:end] = torch.tensor(example.completion)
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


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
