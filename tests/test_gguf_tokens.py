"""Tokenizers in a GGUF: llama.cpp reads what transformers reads, or nothing is exported."""

from __future__ import annotations

import json
from typing import Any

import pytest

from distilbench.distill.weights import _gguf_tokens as seen
from distilbench.distill.weights._gguf_sentencepiece import scores
from distilbench.distill.weights._gguf_tokenizer import puts_space_first, readable
from distilbench.distill.weights._gguf_tokens import check_tokens
from distilbench.errors import InputError
from tests.tiny_models import tiny_sentencepiece, tiny_tokenizer

TEMPLATE = "{% for m in messages %}<|user|>{{ m.content }}</s>{% endfor %}"
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def byte_level(pattern: str | None, ignore_merges: bool = False) -> Any:
    """The tiny tokenizer, with its text cut otherwise."""
    from tokenizers import Regex, pre_tokenizers

    tokenizer = tiny_tokenizer()
    backend = tokenizer.backend_tokenizer
    backend.model.ignore_merges = ignore_merges
    steps = [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=pattern is None)]
    if pattern is not None:
        steps.insert(0, pre_tokenizers.Split(Regex(pattern), "isolated"))
    backend.pre_tokenizer = steps[0] if len(steps) == 1 else pre_tokenizers.Sequence(steps)
    return tokenizer


@pytest.mark.parametrize("spacing", ["legacy", "gemma", "first", "always"])
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_sentencepiece(spacing: str, template: str | None, request: pytest.FixtureRequest) -> None:
    """One spacing of each kind by llama.cpp itself; what is told of the others follows it."""
    tokenizer = tiny_sentencepiece(spacing)
    tokenizer.chat_template = template
    read = readable(tokenizer)
    assert not isinstance(read, str)
    wanted = {"gemma": False, "first": template is None}.get(spacing, True)
    assert puts_space_first(read.spacing, tokenizer) is wanted
    if (spacing, template) in (("legacy", None), ("first", TEMPLATE)):
        check_tokens(tokenizer, "here", "drop it")


@pytest.mark.long
@pytest.mark.parametrize("spacing", ["gemma", "first", "always", "legacy", "never"])
@pytest.mark.parametrize("template", [None, TEMPLATE])
def test_each_spacing_by_llama_cpp(spacing: str, template: str | None) -> None:
    tokenizer = tiny_sentencepiece(spacing)
    tokenizer.chat_template = template
    check_tokens(tokenizer, "here", "drop it")


@pytest.mark.parametrize(
    ("tokenizer", "pre"),
    [
        (lambda: byte_level(None), "gpt-2"),
        (lambda: byte_level(LLAMA_3), "smaug-bpe"),
        (lambda: byte_level(LLAMA_3, ignore_merges=True), "llama-bpe"),
        (lambda: byte_level(LLAMA_3.replace("{1,3}", "")), "qwen2"),
        (tiny_tokenizer, "smollm"),
    ],
)
def test_how_byte_level_bpe_cuts_text(tokenizer: Any, pre: str) -> None:
    read = readable(tokenizer())
    assert not isinstance(read, str)
    assert read.pre == pre


@pytest.mark.long
@pytest.mark.parametrize("pattern", [None, LLAMA_3, LLAMA_3.replace("{1,3}", "")])
def test_each_cutting_by_llama_cpp(pattern: str | None) -> None:
    check_tokens(byte_level(pattern), "here", "drop it")
    if pattern == LLAMA_3:
        check_tokens(byte_level(pattern, ignore_merges=True), "here", "drop it")


def test_a_score_is_the_place_of_the_merges_that_make_a_token() -> None:
    data = json.loads(tiny_sentencepiece("gemma").backend_tokenizer.to_str())
    found = scores(data)
    assert isinstance(found, dict)
    merged = [a + b for a, b in data["model"]["merges"]]
    assert sorted(set(merged), key=lambda token: -found[token]) == list(dict.fromkeys(merged))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda model: model["merges"].pop(), "does not merge"),
        (lambda model: model["merges"].append(model["merges"][0]), "in two places"),
        (lambda model: model["vocab"].pop("<0x41>"), "<0x41>"),
        (lambda model: model.update(type="Unigram"), "is Unigram"),
    ],
)
def test_what_llama_cpp_would_merge_otherwise_is_told(change: Any, said: str) -> None:
    data = json.loads(tiny_sentencepiece("gemma").backend_tokenizer.to_str())
    change(data["model"])

    class Backend:
        def to_str(self) -> str:
            return json.dumps(data)

    class Tokenizer:
        backend_tokenizer = Backend()

    told = readable(Tokenizer())
    assert isinstance(told, str)
    assert said in told


def test_a_tokenizer_that_llama_cpp_reads_otherwise_is_refused() -> None:
    """An added token that takes the space before it: llama.cpp knows no such."""
    from tokenizers import AddedToken

    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("<mask>", lstrip=True)])
    assert not isinstance(readable(tokenizer), str)
    with pytest.raises(InputError, match=r"llama.cpp would read .*<mask>"):
        check_tokens(tokenizer, "here", "drop it")


def test_it_is_seen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def by_llama_cpp(read: Any, tokenizer: Any, texts: list[str]) -> list[list[int]]:
        asked.append(len(texts))
        return [seen._by_transformers(tokenizer, text) for text in texts]

    monkeypatch.setattr(seen, "_seen", set())
    monkeypatch.setattr(seen, "_by_llama_cpp", by_llama_cpp)
    for spacing in ("gemma", "gemma", "legacy"):
        check_tokens(tiny_sentencepiece(spacing), "here", "drop it")
    assert len(asked) == 2
