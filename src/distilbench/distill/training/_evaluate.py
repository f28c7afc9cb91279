"""How good a student is: its loss on held-out text, and its accuracy on held-out questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from distilbench.distill.accounts import Attempt, FlopSample, forward
from distilbench.distill.data import IGNORED, Asked, Example, Task, to_batch
from distilbench.distill.recipe import Generation
from distilbench.distill.teacher import Sampling, TransformersGenerator, accepted
from distilbench.distill.weights import Loaded, device

_NEAR = 0.95  # of ln V


@dataclass(frozen=True)
class Judged:
    """``loss``: nats for each labelled token; null: it is not a finite number. ``accuracy``: null
    if not asked for. ``guessing``: the loss of guessing among all tokens alike, ln V."""

    loss: float | None
    tokens: int
    accuracy: float | None = None
    questions: int | None = None
    guessing: float | None = None

    def trouble(self, before: float | None = None) -> str | None:
        """In words, why this is no trained model; ``before``: its loss before training."""
        if self.loss is None:
            return "the held-out loss is not a number: the training diverged"
        said = f"the held-out loss, {self.loss:.4f} nats a token,"
        if self.guessing and self.loss > _NEAR * self.guessing:
            return (
                f"{said} is about that of guessing among all tokens ({self.guessing:.4f}) or worse:"
                " the training diverged, or has hardly begun"
            )
        if before is not None and self.loss > before:
            return f"{said} is above that before training ({before:.4f}): it made the model worse"
        return None


def held_out_loss(
    student: Loaded,
    examples: Sequence[Example],
    batch_size: int,
    attempt: Attempt,
    sample: FlopSample | None = None,
) -> Judged:
    """Mean negative log-likelihood of what is learnt of the examples. ``sample``: of earlier work
    of the attempt, so that torch's count goes on."""
    import torch

    model, sample = student.model.to(device()).eval(), sample or FlopSample(every=20)
    total, labelled = 0.0, 0
    for at in range(0, len(examples), batch_size):
        batch = to_batch(examples[at : at + batch_size], int(student.tokenizer.pad_token_id))
        logits = forward(model, batch, sample, attempt.record)
        labels = batch["labels"][:, 1:].reshape(-1).to(logits.device)
        flat = logits[:, :-1].reshape(labels.shape[0], -1).float()
        losses = torch.nn.functional.cross_entropy(
            flat, labels, ignore_index=IGNORED, reduction="sum"
        )
        total, labelled = total + float(losses), labelled + int((labels != IGNORED).sum())
        attempt.beat()
    loss, tokens = total / labelled, int(model.config.vocab_size)
    finite = math.isfinite(loss)
    return Judged(loss if finite else None, labelled, guessing=math.log(tokens))


def held_out_accuracy(
    student: Loaded, asked: Sequence[Asked], task: Task, batch_size: int, attempt: Attempt
) -> float:
    """Share of the questions that the student answers right, greedily, by the task's own
    extraction and grader."""
    greedy = Sampling.of(Generation(), task, 0)
    generator, right = TransformersGenerator(student, greedy), 0
    record = attempt.record
    for at in range(0, len(asked), batch_size):
        part = asked[at : at + batch_size]
        answers = generator.answer([(one, 0) for one in part])
        right += sum(accepted(a, b.text, task) for a, b in zip(part, answers, strict=True))
        for answer in answers:
            read, written = answer.input_tokens or 0, answer.output_tokens or 0
            record.tokens += read + written
            record.output_tokens += written
            record.padded_tokens += answer.padded_tokens or 0
            record.work(
                answer.flops_formula or 0.0,
                2.0 * student.model.num_parameters() * (read + written),
            )
            record.flops_counted = (record.flops_counted or 0.0) + (answer.flops or 0.0)
        attempt.beat()
    return right / len(asked)
