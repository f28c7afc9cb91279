"""Answers that cannot be learned from: cut, refused, empty; each counted and said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill.accounts import StageMeter, TeacherSize
from distilbench.distill.data import Asked
from distilbench.distill.recipe import Generation
from distilbench.distill.teacher import Sampling, TeacherCache, teacher_answers
from distilbench.distill.teacher._answers import Answer
from distilbench.errors import InputError
from distilbench.events import Noted
from distilbench.tasks import Question

SAMPLING = Sampling(max_tokens=8, stop=(), temperature=0.0, top_p=None, seed=1)


class Told:
    """Answers a question by what stands under its name."""

    digest, pid, is_here = "d", None, False

    def __init__(self, answers: dict[str, Answer], size: TeacherSize) -> None:
        self.answers, self.size, self.asked = answers, size, 0

    def answer(self, asked: Sequence[tuple[Asked, int]]) -> list[Answer]:
        self.asked += len(asked)
        return [self.answers[one.question.id] for one, _ in asked]

    def close(self) -> None: ...


def answered(
    folder: Path, answers: dict[str, Answer], size: TeacherSize | None = None, **generation: Any
) -> tuple[list[list[str]], list[str], Any, Told]:
    told: list[str] = []
    asked = [
        Asked(Question(id=n, text=n, worked="2", target="2", cluster=n), ({"role": "user",
              "content": n},), "2") for n in answers
    ]  # fmt: skip
    teacher = Told(answers, size or TeacherSize())
    with StageMeter("s", folder / "meter").stage("teacher_generation") as attempt:
        texts = teacher_answers(
            asked, teacher, SAMPLING, Generation(**generation), TeacherCache(folder), "s", attempt,
            lambda event: told.append(event.text) if isinstance(event, Noted) else None,
        )  # fmt: skip
    return texts, told, attempt.record, teacher


ANSWERS = {
    "whole": Answer("2", 4, 1),
    "cut": Answer("1 + 1 is", 4, 8, ended="cut"),
    "refused": Answer("I cannot", 4, 2, ended="refused"),
    "empty": Answer(" \n", 4, 1),
}


def test_what_is_refused_or_empty_is_counted_said_and_not_learned(tmp_path: Path) -> None:
    texts, told, record, _ = answered(tmp_path, ANSWERS)
    assert texts == [["2"], ["1 + 1 is"], [], []]
    assert told == [
        "not learned from, of 4 answers of the teacher: 1 refused by the provider, 1 empty",
        "1 of 4 answers of the teacher are cut by 'generation.max_tokens', and learned from as if"
        " they ended there: raise it, or leave them out ('generation: {cut: drop}')",
    ]
    assert (record.rejected, record.samples) == (2, 4)
    again = answered(tmp_path, ANSWERS, cut="drop")  # the cache knows how each ended
    assert (again[0], again[3].asked) == ([["2"], [], [], []], 0)
    assert again[1] == [
        "not learned from, of 4 answers of the teacher: 1 cut by 'generation.max_tokens',"
        " 1 refused by the provider, 1 empty"
    ]


def test_whole_answers_need_no_word(tmp_path: Path) -> None:
    texts, told, record, _ = answered(tmp_path, {"whole": ANSWERS["whole"]})
    assert (texts, told, record.rejected) == ([["2"]], [], 0)


def test_nothing_that_can_be_learned_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of 2 answers .*\(1 refused .*, 1 empty\)"):
        answered(tmp_path, {name: ANSWERS[name] for name in ("refused", "empty")})


def test_a_size_that_is_stated_later_prices_what_was_answered(tmp_path: Path) -> None:
    """A provider's answers whose FLOPs nobody knew, then with N: 2 N for each token read, and for
    each written but the first, which the prompt's pass gives."""
    whole = {"whole": Answer("2", 10, 5)}
    answered(tmp_path, whole)
    assert TeacherCache(tmp_path).shared_costs("s")[0].flops_formula is None
    teacher = answered(tmp_path, whole, TeacherSize(parameters=1e9))[3]
    assert teacher.asked == 0
    cost = TeacherCache(tmp_path).shared_costs("s")[0]
    assert cost.flops_formula == 2e9 * 14
    assert (cost.flops, cost.energy_j) == (None, None)
