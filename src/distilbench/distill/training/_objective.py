"""The contract of an objective: all that a loss decides about a training, in one class."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from distilbench.distill.accounts import StageRecord, TrainingShape, shape_of
from distilbench.distill.data import Collator, Corpus, Example, Texts, training_examples
from distilbench.distill.recipe import Aim, Distillation, Training, aim_of
from distilbench.distill.teacher import Scorer
from distilbench.distill.training._hidden import projection_weights
from distilbench.distill.training._step_meter import Work, work_on
from distilbench.distill.weights import Loaded, same_tokens
from distilbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


class Objective(Aim, ABC):
    """What a student is trained towards. One class in one file of ``training/objectives``, or of
    another package that names it by the entry point ``distilbench.objectives``.

    Recipe, plan and card ask what :class:`Aim` says; the training asks the rest. torch and TRL are
    imported in the methods, since a recipe is checked without them.
    """

    @abstractmethod
    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        """The class of a TRL trainer and its configuration, made of ``settings`` (arguments that
        all of TRL's configurations share). Where ``needs`` is ``live``, the class is given the
        teacher as ``teacher_model``. See :func:`with_loss` and :func:`with_teacher`."""

    def collator(
        self, student: PreTrainedTokenizerBase, teacher: PreTrainedTokenizerBase | None
    ) -> Callable[..., Any]:
        """Makes batches of rows of examples. A row of ``cached logits`` names their file."""
        return Collator(int(student.pad_token_id))

    def check_models(self, student: Loaded, teacher: Loaded, where: str) -> None:
        """Raises ``InputError`` if the distributions of teacher and student cannot be compared."""
        if not self.compares_logits:
            return
        where = f"{where}: field 'method'"
        if not same_tokens(student.tokenizer, teacher.tokenizer):
            raise InputError(
                where,
                "it compares distributions over the same tokens, and teacher and student have"
                " different tokenizers",
                "use sequence-level, logit with 'divergence: gold', or the teacher's tokenizer",
            )
        sizes = [int(loaded.model.config.vocab_size) for loaded in (teacher, student)]
        if self.needs == "live" and sizes[0] != sizes[1]:
            raise InputError(
                where,
                f"the embeddings of teacher and student have {sizes[0]} and {sizes[1]} rows",
                "use logit with 'top_k' or 'divergence: gold', or sequence-level",
            )

    def attach(self, student: Loaded, teacher: Loaded | None, seed: int) -> None:
        """Give the student what is trained with it and is no part of it."""

    def examples(
        self,
        corpus: Corpus,
        texts: Texts,
        student: PreTrainedTokenizerBase,
        teacher: PreTrainedTokenizerBase | None,
        max_length: int,
        where: str,
    ) -> Sequence[Example]:
        """What is trained on. Raises ``InputError`` if none is left within ``max_length``."""
        return training_examples(corpus, texts, student, max_length, where)

    def check_batch(self, examples: int, at_once: int) -> None:
        """Raises ``InputError`` if so many examples are too few for a step."""

    @property
    def divergence_passes(self) -> int:
        """Forward passes of TRL's chunked divergence over both heads; 0: it has none. See
        :class:`TrainingShape`."""
        return 0

    def shape(self, student: PreTrainedModel, training: Training) -> TrainingShape:
        """What its training steps compute: FLOPs by formula, for the budget and the record."""
        import torch

        trained = sum(p.numel() for p in student.parameters() if p.requires_grad)
        return TrainingShape(
            shape=shape_of(student),
            checkpointing=training.gradient_checkpointing,
            adapter_parameters=trained if training.lora else 0,
            fused_head=self.fused_head and training.fused_head,
            compact_head=torch.cuda.is_available(),
            divergence_passes=self.divergence_passes,
            projection_parameters=projection_weights(student),
        )

    @property
    def is_torchs(self) -> bool:
        """Whether torch does all the work of a step, and so can count it."""
        return True

    def client(self, scorer: Scorer, record: StageRecord) -> Any:
        """Where ``needs`` is ``served``: what its trainer, given it as ``teacher_client``, asks the
        teacher by. ``record`` takes the teacher's work."""
        raise NotImplementedError

    def window(self, training: Training) -> int:
        """Steps that share what the first of them generates; they are counted together."""
        return 1

    def work(self, trainer: Any, inputs: Any) -> Callable[[], Work]:
        """What a step on ``inputs`` will have worked on, to be asked after it."""
        return lambda: work_on(inputs, None)


def objective_of(method: str, distillation: Distillation) -> Objective:
    """The whole objective of one trial of a recipe. Raises ``InputError`` if it cannot train."""
    found = aim_of(method, distillation)
    if not isinstance(found, Objective):
        raise InputError(
            f"method {method}",
            f"{type(found).__module__}.{type(found).__qualname__} says not how it is trained",
            "derive it from distilbench.distill.Objective",
        )
    return found
