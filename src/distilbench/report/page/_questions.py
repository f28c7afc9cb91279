"""A browser of questions: those that the reader asks for, and of one all that is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

Said = tuple[str, str, str | None]
"""A message: role, text, thought before it (null: none)."""

ENDED = ("right", "partly right", "wrong", "no answer", "cut off", "error")
"""How an answer is told apart, in the reader's words."""
SORTS = {
    "asked": "as asked",
    "tokens": "most tokens",
    "-tokens": "fewest tokens",
    "seconds": "longest",
    "-seconds": "shortest",
}
"""Orders; tokens and seconds are those of the first model, what is not known stands last."""
PAIRS = {
    "": "all",
    "differ": "one right, the other not",
    "first": "only the first right",
    "second": "only the second right",
    "neither": "neither right",
}
"""Agreement of two models. Right is a full score."""


@dataclass(frozen=True)
class Answer:
    """One model's answer to a question. ``extracted``: what was compared with the target;
    ``graded``: how, in the scorer's words; ``prompt`` and ``said``: null where no transcript holds
    them, and ``missing`` says why. Tokens are those of the output, seconds of the whole answer."""

    ended: str
    outcome: str | None
    score: float | None
    extracted: str | None
    error: str | None
    tokens: int | None
    thinking_tokens: int | None
    seconds: float | None
    graded: str | None = None
    prompt: Sequence[Said] | None = None
    said: Sequence[Said] | None = None
    missing: str | None = None


@dataclass(frozen=True)
class Asked:
    """A question with the answers of the models, by name, that were asked it."""

    task: str
    seed: int
    id: str
    epoch: int
    target: str | None
    answers: dict[str, Answer]


@dataclass(frozen=True)
class Questions:
    """The browser. Either ``questions`` holds all of them, in the order in which they are asked, or
    the script asks a server, that of ``distilbench view``, for ``list.json`` and ``question.json``
    beside the page (``served``)."""

    name: str
    caption: str
    models: Sequence[str]
    tasks: Sequence[str]
    questions: Sequence[Asked] = ()
    served: bool = False

    def data(self) -> dict[str, Any]:
        """What the script shows. Each text and each prompt of several messages stands in it once:
        the examples before all questions of a task are the same."""
        texts: dict[str, int] = {}
        prompts: dict[tuple[Any, ...], int] = {}
        return {
            "models": list(self.models),
            "tasks": list(self.tasks),
            "ended": ENDED,
            "sorts": list(SORTS.items()),
            "pairs": list(PAIRS.items()),
            "served": self.served,
            "questions": [
                {
                    **vars(asked),
                    "answers": {
                        model: _pooled(answer, texts, prompts)
                        for model, answer in asked.answers.items()
                    },
                }
                for asked in self.questions
            ],
            "prompts": [list(map(list, prompt)) for prompt in prompts],
            "texts": list(texts),
        }


def _pooled(
    answer: Answer, texts: dict[str, int], prompts: dict[tuple[Any, ...], int]
) -> dict[str, Any]:
    """Messages by the numbers of their texts; a prompt by its own. Null is left out."""

    def number(text: str | None) -> int | None:
        return None if text is None else texts.setdefault(text, len(texts))

    def numbered(messages: Sequence[Said]) -> tuple[Any, ...]:
        return tuple((role, number(text), number(thought)) for role, text, thought in messages)

    found = {name: value for name, value in vars(answer).items() if value is not None}
    if answer.prompt is not None:
        found["prompt"] = prompts.setdefault(numbered(answer.prompt), len(prompts))
    if answer.said is not None:
        found["said"] = numbered(answer.said)
    return found
