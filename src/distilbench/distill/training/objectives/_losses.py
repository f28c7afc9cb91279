"""Divergence of a student from a teacher of whom only the k best logits were kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import torch


def top_k_divergence(
    student_logits: torch.Tensor,
    teacher_tokens: torch.Tensor,
    teacher_logprobs: torch.Tensor,
    *,
    beta: float,
    temperature: float,
    tail: Literal["renormalise", "bucket"],
) -> torch.Tensor:
    """Sum over positions of the generalised Jensen-Shannon divergence (Agarwal et al. 2024, arXiv
    2306.13649, equation 1; beta 0: forward KL, 1: reverse KL) between distributions over k + 1
    outcomes: the teacher's k best tokens, and all other tokens together.

    ``student_logits``: (positions, vocabulary). ``teacher_tokens`` and ``teacher_logprobs``:
    (positions, k), log-probabilities at ``temperature`` under the teacher's whole softmax. The
    student's probabilities come from its whole softmax. ``bucket``: the teacher's rest is what its
    k best leave of 1. ``renormalise``: its rest is 0 and its k best are scaled to sum to 1.
    """
    import torch

    log_q = torch.log_softmax(student_logits.float() / temperature, dim=-1)
    log_q = log_q.gather(-1, teacher_tokens)
    log_q = torch.cat([log_q, _rest(log_q)], dim=-1)
    log_p = teacher_logprobs.float()
    if tail == "bucket":
        log_p = torch.cat([log_p, _rest(log_p)], dim=-1)
    else:
        log_p = torch.log_softmax(log_p, dim=-1)
        log_p = torch.cat([log_p, torch.full_like(log_p[:, :1], -torch.inf)], dim=-1)
    if beta == 0:
        return _kl(log_p, log_q)
    if beta == 1:
        return _kl(log_q, log_p)
    weights = torch.tensor([beta, 1 - beta], device=log_p.device).log()
    mixture = torch.logaddexp(log_p + weights[0], log_q + weights[1])
    return beta * _kl(log_p, mixture) + (1 - beta) * _kl(log_q, mixture)


def _rest(logprobs: torch.Tensor) -> torch.Tensor:
    """Log of what the probabilities leave of 1; at least 1e-6, so that its gradient is finite."""
    import torch

    total = logprobs.exp().sum(-1, keepdim=True)
    return torch.log((1 - total).clamp_min(1e-6))


def _kl(log_p: torch.Tensor, log_q: torch.Tensor) -> torch.Tensor:
    """Sum of p (log p - log q); outcomes with p = 0 add nothing."""
    import torch

    held = torch.isfinite(log_p)
    safe = torch.where(held, log_p, torch.zeros_like(log_p))
    return torch.where(held, safe.exp() * (safe - log_q), torch.zeros_like(log_p)).sum()
