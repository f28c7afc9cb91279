"""Templates: formats in which a task asks its questions, and what they change of its grading.

A template is data. ``{question}``, ``{worked}`` and ``{answer}`` are replaced as they stand, and
nothing else in braces: neither a suite file nor a question can reach into the program.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$", max_length=80)]
Extraction = Literal["whole", "####", "boxed", "last_number", "choice", "regex"]
_PLACES = re.compile(r"\{(question|worked|answer)\}")


class Template(BaseModel):
    """How a question is put. What is not given stays as the task has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    question: str = Field("{question}", description="the user's turn, with {question} in it")
    example: str = Field(
        "{worked}", description="the answer of a worked example, with {worked} or {answer} in it"
    )
    instruction: str | None = Field(None, description="in place of the task's instruction")
    extract: Extraction | None = Field(None, description="in place of the task's extraction")
    pattern: str | None = Field(None, description="for extract: regex")
    max_tokens: int | None = Field(None, ge=1, description="if more than the task's")
    stop: tuple[str, ...] | None = Field(None, description="in place of the task's stop texts")

    @model_validator(mode="after")
    def _asks_the_question(self) -> Self:
        if "{question}" not in self.question:
            raise ValueError("'question' of a template holds {question}")
        if (self.extract == "regex") != (self.pattern is not None):
            raise ValueError("'pattern' goes with 'extract: regex', and only with it")
        return self

    def ask(self, question: str) -> str:
        """The user's turn."""
        return _filled(self.question, {"question": question})

    def answer(self, worked: str, answer: str) -> str:
        """The assistant's turn of a worked example."""
        return _filled(self.example, {"worked": worked, "answer": answer})


# A line that begins so, in Markdown or not; the word in a sentence is none.
_ANSWER_LINE = (
    r"(?im)^[ \t>#*_-]*(?:the )?(?:final )?answer[ \t*_]*(?:is[ \t]*)?:[ \t*_]*(\S[^\n]*?)[ \t*_]*$"
)
TEMPLATES = {
    template.name: template
    for template in (
        Template(name="plain"),
        Template(name="question-answer", question="Question: {question}\nAnswer:"),
        Template(
            name="step-by-step",
            question="{question}\n\nLet us think step by step. Write the answer in a last line that"
            " begins with 'Answer:'.",
            example="{worked}\nAnswer: {answer}",
            extract="regex",
            pattern=_ANSWER_LINE,
            max_tokens=1024,
            stop=(),
        ),
        Template(
            name="boxed",
            question="{question}\n\nPlease reason step by step, and put your final answer within"
            " \\boxed{}.",
            example="{worked}\nThe answer is \\boxed{{answer}}.",
            extract="boxed",
            max_tokens=1024,
            stop=(),
        ),
    )
}
"""The built-in templates by name."""


def _by_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value not in TEMPLATES:
        raise ValueError(f"there is no template {value!r}; use one of: {', '.join(TEMPLATES)}")
    return TEMPLATES[value]


NamedTemplate = Annotated[
    Template, BeforeValidator(_by_name, json_schema_input_type=str | Template)
]
"""A template, or the name of a built-in one."""


def _filled(form: str, values: Mapping[str, str]) -> str:
    """One pass: braces in what is put in are not looked at again."""
    return _PLACES.sub(lambda match: values.get(match[1], match[0]), form)
