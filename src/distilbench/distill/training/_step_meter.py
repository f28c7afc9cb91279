"""Counts tokens and FLOPs of every training step, and lets torch count those of some steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilbench.distill.accounts import (
    Attempt,
    StageRecord,
    TrainingShape,
    counted,
    generation_flops,
    shape_of,
)
from distilbench.distill.data import IGNORED
from distilbench.distill.training._launch import ranks
from distilbench.distill.weights import Loaded

if TYPE_CHECKING:
    from transformers import PreTrainedModel

_EVERY = 50  # one window of steps in so many is counted, the first always


@dataclass(frozen=True)
class Work:
    """What one process did in one step: a padded batch of ``rows`` x ``length``."""

    rows: int
    length: int
    tokens: int
    labelled: int
    written: int | None = None
    """Columns that the student generated in this step; null: the text was given."""
    generated: int = 0
    """Tokens in them."""
    teacher_length: int = 0
    teacher_tokens: int = 0
    """The same rows as the teacher sees them."""


def work_on(inputs: dict[str, Any], prompt_width: int | None) -> Work:
    """The work on a batch of a collator; ``prompt_width``: what stood in it before the student's
    own text, if it wrote any."""
    rows, length = inputs["input_ids"].shape
    tokens = int(inputs["attention_mask"].sum())
    its = "teacher_" if "teacher_input_ids" in inputs else ""
    return Work(
        rows=rows,
        length=length,
        tokens=tokens,
        labelled=int((inputs["labels"][:, 1:] != IGNORED).sum()),
        written=None if prompt_width is None else length - prompt_width,
        generated=0 if prompt_width is None else int((inputs["labels"] != IGNORED).sum()),
        teacher_length=inputs[f"{its}input_ids"].shape[1],
        teacher_tokens=int(inputs[f"{its}attention_mask"].sum()),
    )


@dataclass
class _Kind:
    """Steps of one kind: what torch counted on some, and the padded tokens of those and of all."""

    student: float = 0.0
    teacher: float = 0.0
    counted_tokens: float = 0.0
    tokens: float = 0.0

    def scaled(self, flops: float) -> float:
        """A count on some steps as that of all."""
        return flops / self.counted_tokens * self.tokens


class StepMeter:
    """The meter of one training. ``scoring`` takes the part of a teacher that scores online.

    ``window``: steps that share what the first of them generates, and are counted together.
    ``mixed``: some steps generate and some do not; each kind is counted for itself. Nothing is
    counted of work that is not all torch's (``is_torchs``): the part would pass for the whole.
    """

    def __init__(
        self,
        attempt: Attempt,
        student: PreTrainedModel,
        shape: TrainingShape,
        teacher: Loaded | None,
        scoring: StageRecord | None,
        window: int,
        mixed: bool,
        is_torchs: bool = True,
    ) -> None:
        self._attempt, self._student, self._shape = attempt, student, shape
        self._teacher = teacher if scoring is not None else None
        self._scoring = scoring
        self._window, self._steps, self._due = window, 0, False
        self._kinds: dict[bool, _Kind] = {}
        self._expected, self._is_torchs = 1 + mixed, is_torchs
        self._seen, self._seen_teacher = 0.0, 0.0
        self._parameters = int(student.num_parameters())
        self._at_checkpoint = 0.0
        self._ranks = ranks()
        if self._teacher is not None:
            self._teacher_shape = shape_of(self._teacher.model)

    def step(self, do: Callable[[], Any], work: Callable[[], Work]) -> Any:
        """Do one step; ``work`` then says what it worked on."""
        in_turn = self._steps // self._window % _EVERY == 0
        self._due = self._is_torchs and (in_turn or len(self._kinds) < self._expected)
        self._steps += 1
        result = self._count(do) if self._due else do()
        self._add(work())
        return result

    def saved(self) -> None:
        self._at_checkpoint = self._attempt.record.flops_formula or 0.0

    def finished_step(self) -> None:
        record = self._attempt.record
        record.redone_flops = (record.flops_formula or 0.0) - self._at_checkpoint

    def _count(self, do: Callable[[], Any]) -> Any:
        models = [self._student, *([self._teacher.model] if self._teacher else [])]
        hooks: list[Any] = []
        self._seen_teacher = 0.0
        with counted(*models) as seen:
            if self._teacher is not None:
                marks: list[float] = []

                def before(*_: Any) -> None:
                    marks.append(seen())

                def after(*_: Any) -> None:
                    self._seen_teacher += seen() - marks.pop()

                hooks.append(self._teacher.model.register_forward_pre_hook(before))
                hooks.append(self._teacher.model.register_forward_hook(after))
            result = do()
            self._seen = seen() - self._seen_teacher
        for hook in hooks:
            hook.remove()
        return result

    def _add(self, work: Work) -> None:
        record, rows = self._attempt.record, work.rows * self._ranks
        tokens, labelled = work.tokens * self._ranks, work.labelled * self._ranks
        flops = self._shape.step(rows, work.length, labelled, work.written)
        by_6nd = self._by_6nd(tokens)
        if work.written is not None:
            prompt = work.length - work.written
            flops += generation_flops(self._shape.shape, prompt, work.written, rows)
            by_6nd += 2.0 * self._parameters * tokens
            record.output_tokens += work.generated * self._ranks
        record.tokens += tokens
        record.padded_tokens += rows * work.length
        record.samples += rows
        record.work(flops, by_6nd)
        head = self._score(work, rows)
        kind = self._kinds.setdefault(work.written is not None, _Kind())
        kind.tokens += rows * work.length
        if self._due:
            kind.counted_tokens += work.rows * work.length
            kind.student += self._seen - head
            kind.teacher += self._seen_teacher + head
        if not self._is_torchs:
            return
        kinds = self._kinds.values()
        record.flops_counted = sum(kind.scaled(kind.student) for kind in kinds)
        if self._scoring is not None:
            self._scoring.flops_counted = sum(kind.scaled(kind.teacher) for kind in kinds)

    def _score(self, work: Work, rows: int) -> float:
        """Note the teacher's part of a step. Returns what torch counted of it as the student's: the
        teacher's projections in TRL's chunked divergence, matrix products of known size."""
        scoring = self._scoring
        if scoring is None or self._teacher is None:
            return 0.0
        tokens = work.teacher_tokens * self._ranks
        scoring.tokens += tokens
        scoring.padded_tokens += rows * work.teacher_length
        scoring.samples += rows
        n = self._teacher.model.num_parameters()
        labelled = work.labelled * self._ranks
        layers, head = self._shape.scoring(
            self._teacher_shape, rows, work.teacher_length, labelled, work.written
        )
        scoring.work(layers + head, 2.0 * n * tokens)
        return head / self._ranks if self._shape.divergence_passes else 0.0

    def _by_6nd(self, tokens: int) -> float:
        adapters = int(self._shape.adapter_parameters)
        if adapters:  # frozen weights have no gradient of their own: 4 N for each token
            return (4.0 * (self._parameters - adapters) + 6.0 * adapters) * tokens
        return 6.0 * self._parameters * tokens
