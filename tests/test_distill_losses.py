"""Losses and the work of a step, against references made another way: float64, torch's counter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbench.distill import Recipe
from distilbench.distill.data import Example
from distilbench.distill.recipe import Distillation, Training, aim_of
from distilbench.distill.teacher import LocalScorer, TeacherCache, cache_logits, read_logits
from distilbench.distill.teacher._logits import top_logits
from distilbench.distill.training.objectives._cached_logit import top_k_divergence
from distilbench.distill.weights._models import Loaded, content_digest
from tests.test_distill import TASK, from_teacher, make, stage
from tests.tiny_models import tiny_llama, tiny_tokenizer

torch = pytest.importorskip("torch")


def probabilities(logits: Any) -> Any:
    wide = np.asarray(logits, dtype=np.float64)
    wide = wide - wide.max(-1, keepdims=True)
    return np.exp(wide) / np.exp(wide).sum(-1, keepdims=True)


def by_numpy(teacher: Any, student: Any, k: int, beta: float) -> float:
    """The divergence over the k best tokens and all others together, in float64."""
    total = 0.0
    for p, q in zip(probabilities(teacher), probabilities(student), strict=True):
        best = np.argsort(-p)[:k]
        others = np.setdiff1d(np.arange(len(p)), best)
        p, q = (np.append(x[best], x[others].sum()) for x in (p, q))
        if beta in (0, 1):
            one, other = (p, q) if beta == 0 else (q, p)
            total += float((one * np.log(one / other)).sum())
            continue
        mixed = beta * p + (1 - beta) * q
        total += float((beta * p * np.log(p / mixed) + (1 - beta) * q * np.log(q / mixed)).sum())
    return total


def ours(teacher: Any, student: Any, k: int, beta: float) -> Any:
    labels = torch.zeros(len(teacher) + 1, dtype=torch.long)
    padded = torch.cat([teacher, teacher[-1:]])
    best = top_logits(padded, labels, k, temperature=1.0)
    return top_k_divergence(
        student, *(torch.from_numpy(part) for part in (best.tokens, best.logprobs, best.rest)),
        beta=beta, temperature=1.0, tail="bucket",
    )  # fmt: skip


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("sharpness", [0.0, 8.0, 20.0, 40.0, 80.0])
def test_a_sharp_teacher_is_compared_exactly(beta: float, sharpness: float) -> None:
    """At 20 above the others the teacher's rest is about 1e-8, at 80 about 1e-34."""
    torch.manual_seed(0)
    teacher, student = torch.randn(6, 64), torch.randn(6, 64)
    teacher[:, 5] += sharpness
    found = float(ours(teacher, student, 4, beta))
    assert found == pytest.approx(by_numpy(teacher, student, 4, beta), rel=2e-5)


@pytest.mark.parametrize("k", [4, 12])
def test_gradients_are_finite_where_either_is_sharp(k: int) -> None:
    torch.manual_seed(1)
    teacher, student = torch.randn(3, 12), torch.randn(3, 12)
    teacher[:, 2] += 60
    student[:, 2] += 60
    student.requires_grad_(True)
    ours(teacher, student, k, 1.0).backward()
    assert torch.isfinite(student.grad).all()


def test_rows_beyond_the_tokens_are_never_among_the_best(tmp_path: Path) -> None:
    """As Qwen's 151,936 rows of 151,669 tokens: here the padding would win."""
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    model.resize_token_embeddings(len(tokenizer) + 8)
    with torch.no_grad():
        model.get_output_embeddings().weight[len(tokenizer) :] *= 50
    teacher = Loaded(model, tokenizer, content_digest(model, tokenizer))
    examples = [Example((1, 2, 3), (4, 5)), Example((), (6, 7, 8))]
    settings = Distillation(top_k=5, keep="float32")
    cache = TeacherCache(tmp_path)
    from distilbench.distill.accounts import StageMeter

    with StageMeter("s", tmp_path / "meter").stage("logit_caching") as attempt:
        scorer = LocalScorer(teacher, settings)
        places = cache_logits(
            examples, scorer, settings, 2, cache, "s", attempt, lambda event: None
        )
    ids = torch.tensor([examples[1].ids])
    whole = torch.log_softmax(model(ids).logits[0, :-1, : len(tokenizer)].double(), -1)
    found = read_logits(places[1])
    best = whole.topk(5, -1)
    ids, order = best.indices.sort(-1)
    assert found["tokens"].tolist() == ids.tolist()
    assert torch.allclose(found["logprobs"].double(), best.values.gather(-1, order), atol=1e-5)
    rest = (1 - best.values.exp().sum(-1)).log()
    assert torch.allclose(found["rest"].double(), rest, atol=1e-4)


def test_a_padded_teacher_and_an_unpadded_student(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    tokenizer = tiny_tokenizer()
    for name, rows in (("padded", 8), ("plain", 0)):
        model = tiny_llama(tokenizer)
        model.resize_token_embeddings(len(tokenizer) + rows)
        model.save_pretrained(tmp_path / name)
        tokenizer.save_pretrained(tmp_path / name)
    result = make(
        from_teacher(
            tmp_path,
            tmp_path / "padded",
            method="logit",
            student={"model": str(tmp_path / "plain")},
            distillation={"top_k": 64, "divergence": "reverse-kl"},
            training={"max_steps": 2, "batch_size": 8, "max_length": 128},
        )
    )
    assert result.loss_before is not None
    assert result.loss == pytest.approx(result.loss_before, abs=0.5)


@pytest.mark.parametrize("top_k", [None, 320])
def test_the_square_of_the_temperature(tmp_path: Path, monkeypatch: Any, top_k: int | None) -> None:
    """The loss of the first step, with and without: a factor of 9 at temperature 3."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    tokenizer = tiny_tokenizer()
    tiny_llama(tokenizer).save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    losses = []
    for squared in (False, True):
        seen: list[float] = []
        settings = {"temperature": 3.0, "temperature_squared": squared, "top_k": top_k}
        recipe = from_teacher(
            tmp_path,
            tmp_path / "teacher",
            f"squared-{squared}".lower(),
            method="logit",
            distillation=settings,
            training={"max_steps": 1, "batch_size": 8, "max_length": 128},
        )
        make(recipe, on_event=lambda e, seen=seen: seen.append(getattr(e, "loss", None)))
        losses.append(next(loss for loss in seen if loss))
    assert losses[1] == pytest.approx(9 * losses[0], rel=1e-3)


@pytest.mark.parametrize(
    ("method", "distillation"),
    [("sft", {}), ("logit", {}), ("logit", {"top_k": 8})],
)
def test_a_vanilla_student_takes_the_work_of_a_distilled_one(
    tmp_path: Path, monkeypatch: Any, method: str, distillation: dict[str, Any]
) -> None:
    """Equal arms: by torch's counter, one projection forward and two back, whatever the loss.

    By hand, for a position of tiny_llama's first layer: q, o 2 x 32 x 32; k, v 2 x 32 x 16; MLP
    3 x 32 x 48; head 32 x 320: 17,920 products, 2 FLOPs each, thrice; and attention.
    """
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    tokenizer = tiny_tokenizer()
    model = tiny_llama(tokenizer)
    model.save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    rows, length = 8, 0
    result = make(
        from_teacher(
            tmp_path,
            tmp_path / "teacher",
            method=method,
            distillation=distillation,
            training={"max_steps": 1, "batch_size": rows, "max_length": 128},
        )
    )
    (record,) = stage(result, "student_training", "student")
    length = record.padded_tokens // rows
    products = 2 * 32 * 32 + 2 * 32 * 16 + 3 * 32 * 48 + 32 * len(tokenizer)
    attention = 2 * 32 * length  # scores and their sum over values, for each position
    by_hand = 3 * 2 * (products + attention) * record.padded_tokens
    assert record.flops_counted == pytest.approx(by_hand, rel=0.01)
    assert record.flops_formula == pytest.approx(by_hand, rel=0.01)


def test_the_fused_head_is_there_for_who_asks() -> None:
    recipe = {"data": {"task": TASK}, "teacher": {"source": "x"}, "training": {"fused_head": True}}
    Recipe.model_validate({"method": "sequence-level", **recipe})
    with pytest.raises(ValueError, match=r"training\.fused_head.*logits whole"):
        Recipe.model_validate({"method": "logit", **recipe})
    assert aim_of("sft", Distillation()).fused_head
    assert Training().fused_head is False
