"""Chats of several turns through real templates: what is learnt, against TRL's own marks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill import Recipe, load_recipe
from distilbench.distill.data import Example, chat_notes, load_corpus
from distilbench.distill.data._chats import read_chats
from distilbench.distill.data._turns import chat_examples
from distilbench.errors import InputError
from tests.test_distill import TASK, close, from_teacher, make, stage
from tests.tiny_models import tiny_llama, tiny_tokenizer

trl = pytest.importorskip("trl")
MARKS = ("<|im_start|>", "<|im_end|>", "<start_of_turn>", "<end_of_turn>", "<bos>",
         "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>")  # fmt: skip
CHAT = (
    ("system", "a cat sat"),
    ("user", "1 + 2"),
    ("assistant", "3 ."),
    ("user", "10 + 20 ;"),
    ("assistant", "30 , a mat"),
)
THOUGHT = (
    ("user", "1 + 2"),
    ("assistant", "<think>\na fox\n</think>\n\n3"),
    ("user", "10 + 20"),
    ("assistant", "<think>\na brown fox\n</think>\n\n30"),
)


def template(name: str) -> str:
    return (Path(trl.__file__).parent / "chat_templates" / f"{name}.jinja").read_text("utf-8")


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    made = tiny_tokenizer()
    made.add_special_tokens({"additional_special_tokens": list(MARKS)})
    return made


def shown(tokenizer: Any, example: Example) -> tuple[str, str]:
    """All of it as text, and what is learnt, ends of turns marked by |."""
    learnt = example.learnt or (True,) * len(example.completion)
    marks = [*((False,) * len(example.prompt)), *learnt]
    parts, last = [], False
    for token, mark in zip(example.ids, marks, strict=True):
        if mark:
            parts += ["" if last else "|", tokenizer.decode([token])]
        last = mark
    return tokenizer.decode(example.ids), "".join(parts)


@pytest.mark.parametrize("name", ["qwen2_5", "llama3"])
def test_what_is_learnt_is_what_trl_marks(tokenizer: Any, name: str) -> None:
    """TRL's training template has ``{% generation %}`` around the assistant's turns."""
    tokenizer.chat_template = template(name)
    (made,) = chat_examples(tokenizer, [CHAT], 512, "r")
    marked = tokenizer.apply_chat_template(
        [{"role": role, "content": said} for role, said in CHAT],
        chat_template=template(f"{name}_training"),
        return_dict=True,
        return_assistant_tokens_mask=True,
    )
    # Behind the last end TRL's may have a line end, which nobody waits for.
    ids, mask = marked["input_ids"], marked["assistant_masks"]
    length = len(made.ids)
    assert list(made.ids) == ids[:length]
    assert tokenizer.decode(ids[length:]).strip() == ""
    own = [0] * len(made.prompt) + [int(one) for one in made.learnt]
    assert [m for m, i in zip(own, ids, strict=False) if tokenizer.decode([i]).strip()] == [
        m for m, i in zip(mask[:length], ids, strict=False) if tokenizer.decode([i]).strip()
    ]
    end = {"qwen2_5": "<|im_end|>", "llama3": "<|eot_id|>"}[name]
    assert shown(tokenizer, made)[1] == f"|3 .{end}|30 , a mat{end}"
    assert "a cat sat" in shown(tokenizer, made)[0]


def test_a_template_that_drops_thoughts_shows_each_turn_as_it_was_said(tokenizer: Any) -> None:
    """Qwen3's: the first answer is learnt with its thought, and seen without it by the second."""
    tokenizer.chat_template = template("qwen3")
    first, second = chat_examples(tokenizer, [THOUGHT], 512, "r")
    said = "<think>\na fox\n</think>\n\n3<|im_end|>"
    assert shown(tokenizer, first)[1] == f"|{said}"
    text, learnt = shown(tokenizer, second)
    assert learnt == "|<think>\na brown fox\n</think>\n\n30<|im_end|>"
    assert "a fox\n" not in text
    (note,) = chat_notes(tokenizer, [THOUGHT], 512, "r")
    assert "each turn is an example of its own" in note
    tokenizer.chat_template = template("qwen2_5")
    assert len(chat_examples(tokenizer, [THOUGHT], 512, "r")) == 1
    assert not list(chat_notes(tokenizer, [CHAT], 512, "r"))


def test_a_template_that_drops_or_refuses_the_system_prompt_says_so(tokenizer: Any) -> None:
    tokenizer.chat_template = template("gemma")
    with pytest.raises(InputError, match=r"refuses the chat that begins 'a cat sat' .*[Ss]ystem"):
        chat_examples(tokenizer, [CHAT], 512, "r")
    tokenizer.chat_template = (
        "{% for m in messages if m.role != 'system' %}<|im_start|>{{ m.role }} {{ m.content }}"
        "<|im_end|>{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {% endif %}"
    )
    (note,) = chat_notes(tokenizer, [CHAT, CHAT[1:]], 512, "r")
    assert "leaves out the system prompt of 1 of 2 chats" in note
    tokenizer.chat_template = None
    with pytest.raises(InputError, match="no chat template"):
        chat_examples(tokenizer, [CHAT], 512, "r")


def test_a_turn_without_an_end_token_learns_to_end(tokenizer: Any) -> None:
    tokenizer.chat_template = (
        "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"
        "{% if add_generation_prompt %}assistant: {% endif %}"
    )
    made = chat_examples(tokenizer, [CHAT], 512, "r")
    assert [shown(tokenizer, one)[1] for one in made] == ["|3 .<|end|>", "|30 , a mat<|end|>"]


def test_a_cut_chat_keeps_the_turns_that_fit_and_says_so(tokenizer: Any) -> None:
    tokenizer.chat_template = template("qwen2_5")
    (whole,) = chat_examples(tokenizer, [CHAT], 512, "r")
    fits = len(whole.ids) - whole.learnt[::-1].index(False) - 2
    (cut,) = chat_examples(tokenizer, [CHAT], fits, "r")
    assert shown(tokenizer, cut)[1] == "|3 .<|im_end|>"
    assert not chat_examples(tokenizer, [CHAT], len(whole.prompt), "r")
    (note,) = chat_notes(tokenizer, [CHAT], fits, "r")
    assert f"1 of 1 examples are cut at 'training.max_length' ({fits} tokens)" in note


def messages(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": said} for role, said in turns]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no chat", "is no list of chat messages"),
        (messages(("user", "1")), "no turn of the assistant"),
        (messages(("assistant", "1")), "answers nobody"),
        (messages(("user", "1"), ("system", "2"), ("assistant", "3")), "not the first"),
        (messages(("user", "1"), ("user", "2"), ("assistant", "3")), "two turns of one speaker"),
        (messages(("tool", "1")), "message of 'tool'"),
        ([{"role": "assistant", "content": "1", "tool_calls": [1]}], "'tool_calls', which is not"),
        ([{"role": "assistant", "content": "1", "reasoning_content": "2"}], "'reasoning_content'"),
        (messages(("user", ""), ("assistant", "3")), "without text"),
    ],
)
def test_a_row_that_is_no_chat_is_named(tmp_path: Path, value: Any, said: str) -> None:
    file = tmp_path / "c.jsonl"
    good = {"messages": messages(("user", "1"), ("assistant", "2"))}
    file.write_text("\n".join(map(json.dumps, (good, {"messages": value}))))
    with pytest.raises(InputError, match=f"row 2.*{said}"):
        read_chats(file, "messages")


def test_share_gpt_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    file = tmp_path / "c.jsonl"
    turns = [{"from": "human", "value": "1"}, {"from": "gpt", "value": "2"}]
    file.write_text("\ufeff" + json.dumps({"conversations": turns}))
    assert read_chats(file, "conversations") == [(("user", "1"), ("assistant", "2"))]


@pytest.mark.parametrize("distillation", [{}, {"top_k": 8}])
def test_a_student_of_chats(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, distillation: dict[str, Any]
) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS)})
    tokenizer.chat_template = template("qwen2_5")
    for part in (tokenizer, tiny_llama(tokenizer)):
        part.save_pretrained(tmp_path / "teacher")
    rows = [
        {"messages": messages(*CHAT[:-1], ("assistant", f"{number} . " * (1 + number % 3)))}
        for number in range(12)
    ]
    (tmp_path / "c.jsonl").write_text("\n".join(map(json.dumps, rows)))
    path = from_teacher(
        tmp_path, tmp_path / "teacher", method="logit", distillation=distillation,
        data={"chat": "c.jsonl"}, held_out={"share": 0.2}, validation={"share": 0.2},
        training={"max_steps": 2, "batch_size": 4, "max_length": 128, "eval_steps": 2},
    )  # fmt: skip
    corpus = load_corpus(load_recipe(path), "r")
    splits = corpus.train_chats, corpus.validation_chats, corpus.held_out_chats
    assert [len(part) for part in splits] == [8, 2, 2]
    result = make(path)
    assert (result.accuracy, result.questions) == (None, None)
    assert close(stage(result, "student_training", "student")[0])
    assert close(stage(result, "logit_caching")[0])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"method": "on-policy"}, "needs 'data: {task"),
        ({"data": {"chat": "c", "text": "t"}}, "either 'task' or 'text' or 'chat'"),
        ({"data": {"chat": "c", "questions": 5}}, "of a task, and the data is chats"),
        ({"data": {"task": TASK, "column": "x"}}, "'data.column' is of plain text or chats"),
    ],
)
def test_settings_of_another_kind_of_data_are_refused(changes: Any, said: str) -> None:
    recipe = {"method": "logit", "teacher": {"source": "x"}, "data": {"chat": "c"}}
    Recipe.model_validate(recipe)
    with pytest.raises(ValueError, match=said):
        Recipe.model_validate({**recipe, **changes})
