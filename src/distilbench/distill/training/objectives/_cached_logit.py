"""Logit distillation from the teacher's k best logits, computed once and kept, which TRL does not
have: its SFT trainer with another loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from distilbench.distill.data import IGNORED, as_example, to_batch
from distilbench.distill.recipe import Data, Distillation, StudentSpec, Training
from distilbench.distill.teacher import read_logits
from distilbench.distill.training._objective import Objective
from distilbench.distill.training._with_loss import of_this_rank, weighted, with_loss

if TYPE_CHECKING:
    import torch


class CachedLogit(Objective):
    """The generalised Jensen-Shannon divergence over k + 1 outcomes; see
    :func:`top_k_divergence`."""

    method = "logit"
    needs = "cached logits"
    packs = True
    heeds = (
        "divergence", "beta", "temperature", "temperature_squared", "top_k", "tail", "keep",
        "alpha", "losses",
    )  # fmt: skip

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        return super().takes(distillation) and distillation.top_k is not None

    def check(self, student: StudentSpec, data: Data, training: Training) -> None:
        asked = self.distillation
        if asked.hidden:
            raise ValueError(
                "'distillation.losses' on hidden states need the teacher beside the student, and"
                " 'top_k' keeps its logits only; drop either"
            )
        if any(loss.temperature != asked.temperature for loss in asked.divergences):
            raise ValueError(
                f"the teacher's logits are kept at 'temperature: {asked.temperature}'; write the"
                " same in 'distillation.losses', or drop 'top_k'"
            )
        if asked.tail == "renormalise" and 1 in asked.betas:
            raise ValueError("reverse KL is infinite where the teacher has 0; use 'tail: bucket'")

    def collator(self, student: Any, teacher: Any) -> Callable[..., Any]:
        return CachedLogitCollator(int(student.pad_token_id))

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl import SFTConfig, SFTTrainer

        return with_loss(SFTTrainer, self._loss), SFTConfig(**settings)

    def _loss(
        self, trainer: Any, logits: Any, inputs: dict[str, Any], num_items_in_batch: Any
    ) -> Any:
        labels = inputs["labels"][:, 1:]
        wanted = labels != IGNORED
        mine, asked = logits[:, :-1][wanted], self.distillation

        def divergence(beta: float, temperature: float) -> Any:
            return top_k_divergence(
                mine,
                inputs["teacher_tokens"],
                inputs["teacher_logprobs"],
                inputs["teacher_rest"],
                beta=beta,
                temperature=temperature,
                tail=asked.tail,
            )

        total = weighted(asked, divergence, mine, labels[wanted], asked.temperature)
        items = of_this_rank(trainer, num_items_in_batch)
        return total / (wanted.sum() if items is None else items)


@dataclass(frozen=True)
class CachedLogitCollator:
    """Batches with the teacher's best logits, read from their shards as they are needed."""

    pad: int

    def __call__(self, batch: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        made = to_batch([as_example(row) for row in batch], self.pad)
        tokens, logprobs, rest = [], [], []
        for row in batch:
            for place in row["logits"]:
                found = read_logits(place)
                tokens.append(found["tokens"])
                logprobs.append(found["logprobs"])
                rest.append(found["rest"])
        return {
            **made,
            "teacher_tokens": torch.cat(tokens),
            "teacher_logprobs": torch.cat(logprobs),
            "teacher_rest": torch.cat(rest),
        }


def top_k_divergence(
    student_logits: torch.Tensor,
    teacher_tokens: torch.Tensor,
    teacher_logprobs: torch.Tensor,
    teacher_rest: torch.Tensor,
    *,
    beta: float,
    temperature: float,
    tail: Literal["renormalise", "bucket"],
) -> torch.Tensor:
    """Sum over positions of the generalised Jensen-Shannon divergence (Agarwal et al. 2024, arXiv
    2306.13649, equation 1; beta 0: forward KL, 1: reverse KL) between distributions over k + 1
    outcomes: the teacher's k best tokens, and all other tokens together.

    ``student_logits``: (positions, vocabulary). ``teacher_tokens`` and ``teacher_logprobs``:
    (positions, k), log-probabilities at ``temperature`` under the teacher's whole softmax;
    ``teacher_rest`` (positions), the log of what all its other tokens have. The student's
    probabilities come from its whole softmax, its rest as a sum over the other tokens: 1 less the
    k best, and a teacher's rest so, would be lost to rounding where a distribution is sharp.
    ``bucket``: the rest is one outcome. ``renormalise``: the teacher's rest is 0 and its k best
    are scaled to sum to 1.
    """
    import torch

    whole = torch.log_softmax(student_logits.float() / temperature, dim=-1)
    log_q, log_p = whole.gather(-1, teacher_tokens), teacher_logprobs.float()
    if torch.isneginf(teacher_rest).all():  # the k best are all tokens; more rows are padding
        log_q, log_p = log_q.log_softmax(-1), log_p.log_softmax(-1)
    else:
        others = whole.scatter(-1, teacher_tokens, -torch.inf)
        log_q = torch.cat([log_q, others.logsumexp(-1, keepdim=True)], dim=-1)
        rest = teacher_rest.float()[:, None]
        if tail == "renormalise":
            log_p, rest = log_p.log_softmax(-1), torch.full_like(rest, -torch.inf)
        log_p = torch.cat([log_p, rest], dim=-1)
    if beta == 0:
        return _kl(log_p, log_q)
    if beta == 1:
        return _kl(log_q, log_p)
    weights = torch.tensor([beta, 1 - beta], device=log_p.device).log()
    mixture = torch.logaddexp(log_p + weights[0], log_q + weights[1])
    return beta * _kl(log_p, mixture) + (1 - beta) * _kl(log_q, mixture)


def _kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """Sum of p (log p - log q); outcomes with p = 0 add nothing."""
    import torch

    held = torch.isfinite(log_p)
    safe = torch.where(held, log_p, torch.zeros_like(log_p))
    return torch.where(held, safe.exp() * (safe - log_q), torch.zeros_like(log_p)).sum()
