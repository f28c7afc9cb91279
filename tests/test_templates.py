"""Templates: the same questions in several formats, as data that cannot reach into the program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distilbench.errors import InputError
from distilbench.suite import Suite, load_suite
from distilbench.tasks import (
    TEMPLATES,
    FileTask,
    ReasoningGymTask,
    TaskSpec,
    Template,
    build_task,
    contamination_of,
    extract,
    make_questions,
    one_for_each_template,
)
from distilbench.tasks._build import _extraction

SUMS: dict[str, Any] = {
    "reasoning_gym": "chain_sum", "name": "sums", "questions": 3, "fewshot": 1,
    "params": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
}  # fmt: skip


def variants(**more: Any) -> list[TaskSpec]:
    return one_for_each_template(ReasoningGymTask(**SUMS, **more))


def turns(spec: TaskSpec, number: int = 0) -> list[str]:
    task = build_task(spec, make_questions(spec, 0))
    return [message.text for message in task.dataset[number].input]


def test_each_template_is_a_task_of_its_own_on_the_same_questions() -> None:
    made = variants(templates=("plain", "question-answer", "boxed"))
    assert [spec.name for spec in made] == ["sums-plain", "sums-question-answer", "sums-boxed"]
    assert {spec.variant_of for spec in made} == {"sums"}
    asked = [make_questions(spec, 0) for spec in made]
    assert asked[0] == asked[1] == asked[2]
    question, worked = asked[0].questions[0].text, asked[0].examples[0].worked
    plain, labelled, boxed = (turns(spec) for spec in made)
    assert plain[-1] == question
    assert labelled[-1] == f"Question: {question}\nAnswer:"
    assert boxed[-1].startswith(question)
    assert boxed[1] == f"{worked}\nThe answer is \\boxed{{{worked}}}."


def test_one_template_keeps_the_name_of_the_task() -> None:
    (only,) = variants(templates=("boxed",))
    assert (only.name, only.variant_of) == ("sums", None)
    assert turns(only)[-1].endswith("within \\boxed{}.")


def test_a_template_that_makes_the_model_think_gives_it_room_and_looks_in_another_place() -> None:
    plain, steps = variants(templates=("plain", "step-by-step"))
    short = build_task(plain, make_questions(plain, 0)).config
    long = build_task(steps, make_questions(steps, 0)).config
    assert (short.max_tokens, short.stop_seqs) == (32, ["\n"])
    assert (long.max_tokens, long.stop_seqs) == (1024, None)
    pattern = TEMPLATES["step-by-step"].pattern
    assert extract("3 + 4 is 7.\nAnswer: 7", "regex", pattern) == "7"
    assert extract("First 3.\n**Answer:** \\(7\\)\n", "regex", pattern) == "\\(7\\)"
    assert extract("I do not know", "regex", pattern) is None
    for line in ("**Answer: 7**", "Final answer: 7", "### Answer: 7", "The answer is: 7  "):
        assert extract(f"First 3.\n{line}\n", "regex", pattern) == "7", line
    for sentence in ("The answer key: 9 and more", "An answer is a number", "so the answer: is 3"):
        assert extract(f"Answer: 7\nOr {sentence}", "regex", pattern) == "7", sentence


def test_a_choice_stays_a_letter_under_every_template(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"question": "2+2?", "options": ["3", "4"], "answer": "B"}) + "\n")
    for name, output in {
        "plain": "B",
        "step-by-step": "I think so.\nAnswer: B",
        "boxed": "so \\boxed{\\text{(B)} 4}",
    }.items():
        spec = FileTask(file=path, choices="options", templates=(name,))
        assert make_questions(spec, 0).questions[0].target == "B"
        assert extract(output, *_extraction(spec)) == "B"


@given(st.text(max_size=60), st.text(max_size=30))
def test_braces_in_a_question_or_a_template_are_only_text(question: str, around: str) -> None:
    template = Template(name="t", question=around.replace("{", "{{") + "{question}{0.__class__}")
    asked = template.ask(question)
    assert asked.endswith(question + "{0.__class__}")
    assert Template(name="t").ask("{answer}{question}") == "{answer}{question}"
    assert Template(name="t", example="{answer}").answer("{answer}", "4") == "4"


def test_templates_of_the_users_own_and_mistakes_in_them(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    task = {**SUMS, "templates": ["plain", {"name": "terse", "question": "{question} ="}]}
    path.write_text(json.dumps({"models": ["a.gguf"], "tasks": [task]}))
    assert [t.name for t in load_suite(path).tasks] == ["sums-plain", "sums-terse"]
    for wrong, words in (("nonsense", "step-by-step"), ({"name": "x", "question": "no"}, "hold")):
        task["templates"] = [wrong]
        path.write_text(json.dumps({"models": ["a.gguf"], "tasks": [task]}))
        with pytest.raises(InputError, match=words):
            load_suite(path)


def test_what_training_data_can_hold_is_known_of_generated_questions_only(tmp_path: Path) -> None:
    assert contamination_of(ReasoningGymTask(**SUMS)) == "generated"
    assert contamination_of(FileTask(file=tmp_path)) is None
    assert contamination_of(FileTask(file=tmp_path, contamination="public")) == "public"


def test_the_schema_for_editors_knows_the_names() -> None:
    schema = json.dumps(Suite.model_json_schema())
    assert "templates" in schema
    assert '"recommended"' in schema
