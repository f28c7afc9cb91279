"""Logit distillation between different tokenizers: TRL's GOLD loss on answers that are aligned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from distilbench.distill import Recipe
from distilbench.distill.data._corpus import Example, completion_ids
from distilbench.distill.recipe._recipe import Distillation
from distilbench.distill.training.objectives._gold import (
    GoldCollator,
    _loss_settings,
    aligned,
    byte_ends,
    check_byte_level,
)
from distilbench.errors import InputError
from tests.test_distill import NEW, TASK, close, from_teacher, make, stage
from tests.test_distill import teacher as teacher
from tests.tiny_models import tiny_tokenizer

LARGE, SMALL = tiny_tokenizer(), tiny_tokenizer(262)
TEMPLATE = "{% for m in messages %}{{ m['content'] }}{% endfor %}"


def chat(tokenizer: Any) -> Any:
    tokenizer.chat_template = TEMPLATE
    return tokenizer


@settings(max_examples=60, deadline=None)
@given(
    answer=st.text(min_size=1, max_size=24).map(str.strip).filter(bool),
    cuts=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    templates=st.tuples(st.booleans(), st.booleans()),
)
def test_both_sides_are_cut_to_the_same_bytes(
    answer: str, cuts: tuple[int, int], templates: tuple[bool, bool]
) -> None:
    tokenizers = [
        chat(tiny_tokenizer(size)) if template else tiny_tokenizer(size)
        for size, template in zip((320, 262), templates, strict=True)
    ]
    whole = [Example((5, 6), completion_ids(tok, answer)) for tok in tokenizers]
    mine, its = (e.cut(2 + cut) for e, cut in zip(whole, cuts, strict=True))
    pair = aligned((mine, its), *tokenizers)
    if pair is None:
        ends = [byte_ends(t, e.completion) for t, e in zip(tokenizers, (mine, its), strict=True)]
        assert not {*ends[0]} & {*ends[1]} - {0}
        return
    ends = [byte_ends(t, e.completion) for t, e in zip(tokenizers, pair, strict=True)]
    assert ends[0][-1] == ends[1][-1] <= len(answer.encode())
    for tokenizer, example in zip(tokenizers, pair, strict=True):
        kept = [i for i in example.completion if i != tokenizer.eos_token_id]
        pieces = b"".join(_bytes(tokenizer, i) for i in kept)
        assert pieces.removeprefix(b"" if tokenizer.chat_template else b" ").startswith(
            answer.encode()[: ends[0][-1]]
        )


def _bytes(tokenizer: Any, token: int) -> bytes:
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    back = {character: byte for byte, character in bytes_to_unicode().items()}
    return bytes(back[c] for c in tokenizer.convert_ids_to_tokens(token))


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_of_one_tokenizer_it_is_the_divergence_that_gkd_has(beta: float) -> None:
    import torch
    from trl.experimental.gkd import GKDTrainer
    from trl.experimental.gold.gold_trainer import ULDLoss

    example = Example((3, 4, 5), completion_ids(LARGE, "30 + 12 = 42 the cat"))
    row = {"prompt": example.prompt, "completion": example.completion}
    row |= {"teacher_prompt": example.prompt, "teacher_completion": example.completion}
    batch = GoldCollator(LARGE, LARGE)([row])
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 1, len(example.ids), len(LARGE))
    loss = ULDLoss(_loss_settings(Distillation(divergence="gold", beta=beta)), LARGE, LARGE)(
        student,
        teacher,
        batch["labels"],
        batch["teacher_labels"],
        batch["input_ids"],
        batch["teacher_input_ids"],
        student_byte_offsets=batch["byte_offsets"],
        teacher_byte_offsets=batch["teacher_byte_offsets"],
    )
    expected = GKDTrainer.generalized_jsd_loss(
        student[:, :-1], teacher[:, :-1], labels=batch["labels"][:, 1:], beta=beta
    )
    assert float(loss) == pytest.approx(float(expected), rel=1e-4)


def test_a_student_with_other_tokens_learns_from_its_teacher(tmp_path: Path, teacher: Path) -> None:
    SMALL.save_pretrained(tmp_path / "other")
    losses = []
    for steps in (1, 30):
        training = {"max_steps": steps, "batch_size": 8, "learning_rate": 0.01, "max_length": 128}
        result = make(
            from_teacher(
                tmp_path,
                teacher,
                f"student{steps}",
                method="logit",
                tokenizer="other",
                student={"new": NEW},
                distillation={"divergence": "gold"},
                training=training,
            )
        )
        losses.append(result.loss)
        trained = stage(result, "student_training", f"student{steps}")[0]
        scored = stage(result, "logit_caching")[0]
        assert close(trained)
        assert close(scored)
        assert scored.samples == trained.samples
        assert scored.tokens < trained.tokens  # the teacher's tokens are longer
    assert losses[1] < losses[0] - 0.1


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "on-policy"},
        {"data": {"text": "book.txt"}},
        {"distillation": {"divergence": "gold", "top_k": 8}},
    ],
)
def test_where_it_does_not_go_the_recipe_says_so(changes: dict[str, Any]) -> None:
    recipe = {
        "method": "logit",
        "teacher": {"source": "somewhere"},
        "data": {"task": TASK},
        "distillation": {"divergence": "gold"},
    }
    Recipe.model_validate(recipe)
    with pytest.raises(ValueError, match="gold"):
        Recipe.model_validate(recipe | changes)


def test_other_kinds_of_tokenizer_are_refused_in_one_sentence() -> None:
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"a": 0, "<e>": 1}, unk_token="<e>"))
    other = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<e>")
    check_byte_level((LARGE, SMALL), "recipe 'x'")
    with pytest.raises(InputError, match="byte-level BPE"):
        check_byte_level((LARGE, other), "recipe 'x'")
