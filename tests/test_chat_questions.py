"""A question column with chat messages is a conversation, as the models are to have it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from distilbench.errors import InputError
from distilbench.tasks import FileTask, build_task, make_questions

SYSTEM = {"role": "system", "content": "Be terse."}
FIRST = [SYSTEM, {"role": "user", "content": "1+1?"}]
LATER = [
    {"role": "user", "content": "1+1?"},
    {"role": "assistant", "content": "2"},
    {"role": "user", "content": "and 1 more?"},
]


def task(folder: Path, *prompts: Any, **fields: Any) -> FileTask:
    rows = ({"prompt": prompt, "answer": str(n)} for n, prompt in enumerate(prompts))
    (folder / "q.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return FileTask(file=folder / "q.jsonl", question="prompt", extract="last_number", **fields)


def said(spec: FileTask) -> list[list[tuple[str, str]]]:
    samples: Any = build_task(spec, make_questions(spec, 0)).dataset
    return [[(m.role, m.text) for m in sample.input] for sample in samples]


def test_messages_are_read_as_a_conversation(tmp_path: Path) -> None:
    first, later, plain = said(task(tmp_path, FIRST, LATER, "2+2?"))
    assert first == [("system", "Be terse."), ("user", "1+1?")]
    assert later == [("user", "1+1?"), ("assistant", "2"), ("user", "and 1 more?")]
    assert plain == [("user", "2+2?")]


def test_in_csv_and_as_sharegpt_and_in_parts(tmp_path: Path) -> None:
    with (tmp_path / "q.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("prompt", "answer"), (json.dumps(FIRST), "2")])
    spec = FileTask(file=tmp_path / "q.csv", question="prompt", extract="last_number")
    assert said(spec) == [[("system", "Be terse."), ("user", "1+1?")]]
    sharegpt = [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]
    parts = [{"role": "user", "content": [{"type": "text", "text": "1+1?"}]}]
    assert said(task(tmp_path, [*sharegpt, {"from": "human", "value": "c"}], parts)) == [
        [("user", "a"), ("assistant", "b"), ("user", "c")],
        [("user", "1+1?")],
    ]


def test_one_system_message_stands_first(tmp_path: Path) -> None:
    spec = task(tmp_path, FIRST, LATER, fewshot=1, instruction="Sum up.")
    (conversation,) = said(spec)
    assert [role for role, _ in conversation].count("system") == 1
    assert conversation[0][0] == "system"
    assert conversation[0][1].startswith("Sum up.")


@pytest.mark.parametrize(
    ("prompt", "problem"),
    [
        (LATER[:2], "whose last is the assistant's"),
        ([LATER[0], SYSTEM, LATER[0]], "a system message that is not the first"),
        ([{"role": "tool", "content": "x"}], "a message of 'tool'"),
        ([{"role": "user", "content": ""}], "without text"),
        ([{"role": "user", "content": [{"type": "image_url"}]}], "a part that is no text"),
        (["1+1?"], "holds a list where one value should stand"),
    ],
)
def test_what_cannot_be_asked_is_told_with_its_row(
    tmp_path: Path, prompt: Any, problem: str
) -> None:
    with pytest.raises(InputError, match=f"row 1: column 'prompt' .*{problem}"):
        make_questions(task(tmp_path, prompt), 0)


def test_of_two_conversations_with_one_last_turn_neither_is_the_other(tmp_path: Path) -> None:
    other = [{"role": "user", "content": "5+5?"}, *LATER[1:]]
    spec = task(tmp_path, LATER, other, fewshot=1)
    assert len(said(spec)) == 1  # one is the example, the other the question
