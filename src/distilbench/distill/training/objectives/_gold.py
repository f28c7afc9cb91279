"""Logit distillation between different tokenizers, by the loss of TRL's GOLD trainer.

GOLD (Patiño et al. 2025, "Unlocking On-Policy Distillation for Any Model Family") lays both
tokenizations of an answer over each other, multiplies the probabilities of tokens that one side
splits, and compares the distributions at each common end: by the generalised Jensen-Shannon
divergence over tokens that both vocabularies have, by the distance of sorted probabilities over the
rest (ULD, Boizard et al. 2024, arXiv 2402.12030). Both tokenizers must be byte-level BPE.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from distilbench.distill.data import (
    Corpus,
    Example,
    Texts,
    answered,
    as_example,
    asked_texts,
    some_left,
    to_batch,
)
from distilbench.distill.recipe import Data, Distillation, StudentSpec, Training
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._with_loss import (
    cross_entropy,
    teacher_logits,
    with_loss,
    with_teacher,
)
from distilbench.distill.weights import Loaded
from distilbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Pair = tuple[Example, Example]
"""One question and answer in the student's tokens and in the teacher's."""


class Gold(Objective):
    """GOLD's loss on TRL's SFT trainer: its own trainer makes its data itself, from raw chats."""

    method = "logit"
    divergences = ("gold",)
    needs = "live"
    heeds = ("divergence", "beta", "temperature", "temperature_squared", "alpha")

    def check(self, student: StudentSpec, data: Data, training: Training) -> None:
        if data.task is None:
            raise ValueError("'divergence: gold' needs 'data: {task: ...}'")

    def check_models(self, student: Loaded, teacher: Loaded, where: str) -> None:
        check_byte_level((student.tokenizer, teacher.tokenizer), where)

    def examples(
        self,
        corpus: Corpus,
        texts: Texts,
        student: PreTrainedTokenizerBase,
        teacher: PreTrainedTokenizerBase | None,
        max_length: int,
        where: str,
    ) -> Sequence[Example]:
        """The same answers in the tokens of both, each cut to ``max_length``."""
        assert teacher is not None
        made = []
        for asked, text in asked_texts(corpus, texts):
            mine = answered(student, asked, text, max_length)
            its = answered(teacher, asked, text, max_length)
            pair = aligned((mine, its), student, teacher) if mine and its else None
            if pair:
                made.append(TwofoldExample(pair[0].prompt, pair[0].completion, teacher=pair[1]))
        return some_left(made, where)

    def collator(self, student: Any, teacher: Any) -> Callable[..., Any]:
        return GoldCollator(student, teacher)

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl import SFTConfig

        return with_loss(_trainer(self.distillation), self._loss), SFTConfig(**settings)

    def _loss(
        self, trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> Any:
        asked = self.distillation
        found = _loss(trainer, logits, inputs, num_items_in_batch)
        found = asked.alpha * asked.loss_scale(asked.temperature) * found
        if asked.alpha < 1:
            given = cross_entropy(trainer, logits, inputs, num_items_in_batch)
            found = found + (1 - asked.alpha) * given
        return found


@dataclass(frozen=True)
class TwofoldExample(Example):
    """An example in the student's tokens, and the same in the teacher's."""

    teacher: Example = field(kw_only=True)

    def row(self) -> dict[str, Any]:
        its = self.teacher.row()
        return {**super().row(), **{f"teacher_{name}": ids for name, ids in its.items()}}


def check_byte_level(tokenizers: Sequence[PreTrainedTokenizerBase], where: str) -> None:
    """Raises ``InputError`` if TRL cannot align one of them."""
    from trl.experimental.utils import is_byte_level_tokenizer

    for tokenizer in tokenizers:
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None or not is_byte_level_tokenizer(backend):
            raise InputError(
                f"{where}: field 'distillation.divergence'",
                "gold aligns byte-level BPE tokenizers, and teacher or student has another kind",
                "use method sequence-level",
            )


def byte_ends(tokenizer: PreTrainedTokenizerBase, completion: Sequence[int]) -> list[int]:
    """The byte of the answer at which each token of a completion ends. The end token has no bytes,
    nor has the space that a model without chat template has before its answer."""
    special = set(tokenizer.all_special_ids)
    pieces = tokenizer.convert_ids_to_tokens(list(completion))
    sizes = [
        0 if token in special else len(piece)  # byte-level BPE: one character for each byte
        for token, piece in zip(completion, pieces, strict=True)
    ]
    space = 0 if tokenizer.chat_template else 1
    return [max(0, end - space) for end in accumulate(sizes)]


def aligned(
    pair: Pair, student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase
) -> Pair | None:
    """Both sides up to their last common end: a cut may have fallen on different bytes. None where
    they have none."""
    ends = [byte_ends(tok, e.completion) for tok, e in zip((student, teacher), pair, strict=True)]
    common = max(set(ends[0]) & set(ends[1]), default=0)
    if common == 0:
        return None
    whole = all(end[-1] == common for end in ends)
    mine, its = (
        example.cut(len(example.prompt) + (len(end) if whole else end.index(common) + 1))
        for example, end in zip(pair, ends, strict=True)
    )
    return mine, its


@dataclass(frozen=True)
class GoldCollator:
    """The student's batch (see :class:`Collator`), the same answers in the teacher's tokens, and
    for each token of either the bytes at which it begins and ends: shape (examples, longest, 2)."""

    student: PreTrainedTokenizerBase
    teacher: PreTrainedTokenizerBase

    def __call__(self, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        mine = [as_example(row) for row in batch]
        its = [Example(tuple(r["teacher_prompt"]), tuple(r["teacher_completion"])) for r in batch]
        made: dict[str, Any] = to_batch(mine, int(self.student.pad_token_id))
        taught = to_batch(its, int(self.teacher.pad_token_id))
        return {
            **made,
            "byte_offsets": _offsets(self.student, mine, made["input_ids"].shape[1]),
            **{f"teacher_{name}": tensor for name, tensor in taught.items()},
            "teacher_byte_offsets": _offsets(self.teacher, its, taught["input_ids"].shape[1]),
        }


def _offsets(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], width: int) -> Any:
    import torch

    made = torch.zeros(len(examples), width, 2, dtype=torch.long)
    for row, example in enumerate(examples):
        ends = byte_ends(tokenizer, example.completion)
        spans = torch.tensor(list(zip([0, *ends], ends, strict=False)))
        made[row, len(example.prompt) : len(example.ids)] = spans
    return made


def _trainer(distillation: Distillation) -> Any:
    from trl import SFTTrainer
    from trl.experimental.gold.gold_trainer import ULDLoss

    class GoldTrainer(with_teacher(SFTTrainer)):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            collator = self.data_collator
            self.gold_loss = ULDLoss(
                _loss_settings(distillation),
                collator.student,
                collator.teacher,
                self.accelerator.device,
            )

    return GoldTrainer


def _loss(trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any) -> Any:
    found = trainer.gold_loss(
        logits,
        teacher_logits(trainer, inputs, "teacher_"),
        inputs["labels"],
        inputs["teacher_labels"],
        inputs["input_ids"],
        inputs["teacher_input_ids"],
        student_byte_offsets=inputs["byte_offsets"],
        teacher_byte_offsets=inputs["teacher_byte_offsets"],
    )
    if num_items_in_batch is not None:  # then Trainer leaves the mean to the loss
        found = found / trainer.args.gradient_accumulation_steps
    return found


def _loss_settings(distillation: Distillation) -> Any:
    """The part of TRL's GOLDConfig that its loss reads.

    'bayesian': tokens that one side splits are compared at the end of the split, by the chain rule.
    """
    from types import SimpleNamespace

    return SimpleNamespace(
        beta=distillation.beta,
        uld_crossentropy_weight=0.0,
        uld_distillation_weight=1.0,
        uld_student_temperature=distillation.temperature,
        uld_teacher_temperature=distillation.temperature,
        uld_skip_student_eos=False,  # both sides end together, or neither has its end token
        uld_skip_teacher_eos=False,
        use_extended_uld=True,
        uld_token_merge_strategy="bayesian",
        uld_use_hybrid_loss=True,
        uld_hybrid_matched_weight=None,  # by the share of the teacher's vocabulary that is common
        uld_hybrid_unmatched_weight=None,
    )
