"""Writes a tokenizer into a GGUF file, so that llama.cpp splits text as transformers does."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from distilbench.distill.weights._gguf_sentencepiece import (
    Spacing,
    byte_tokens,
    scores,
    spacing,
)

# How text is cut before merging, and llama.cpp's name for it: where whole words that are tokens go
# before merges (``ignore_merges``), and where they do not.
_GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
_TEKKEN = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_BY_PATTERN = {
    _GPT_2: ("gpt-2", None),
    _LLAMA_3: ("smaug-bpe", "llama-bpe"),
    _QWEN_2: ("qwen2", None),
    _TEKKEN: (None, "tekken"),
}


class Readable(NamedTuple):
    """A tokenizer that llama.cpp can be told of."""

    data: dict[str, Any]
    """As in ``tokenizer.json``."""
    pre: str
    """llama.cpp's name for how it cuts text."""
    spacing: Spacing | None = None
    """Of SentencePiece; null: byte-level BPE."""
    scores: dict[str, float] | None = None


def add_tokenizer(
    writer: Any, read: Readable, tokenizer: Any, vocab: int, ends: tuple[int, ...]
) -> None:
    """Add tokens, merges or scores, pre-tokenizer, special tokens and chat template.

    ``vocab`` is the number of embeddings; ids without a token are marked as unused. ``ends``: ids
    that end an answer, the tokenizer's own first.
    """
    tokens, kinds = _tokens(read, vocab)
    writer.add_tokenizer_model("gpt2" if read.scores is None else "llama")
    writer.add_tokenizer_pre(read.pre)
    writer.add_token_list(tokens)
    if read.scores is None:
        merges = read.data["model"]["merges"]
        writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
        writer.add_add_space_prefix(False)
    else:
        writer.add_token_scores([read.scores.get(token, -1e9) for token in tokens])
        writer.add_add_space_prefix(puts_space_first(read.spacing, tokenizer))
    writer.add_token_types(kinds)
    _add_special(writer, tokenizer, ends)


def puts_space_first(spaced: Spacing | None, tokenizer: Any) -> bool:
    """Whether llama.cpp is to put a space before a text. It does so behind every special token, so
    it must not where transformers puts one before the first text only and prompts begin with a
    special token, as those of a chat template do."""
    if spaced is None or not spaced.first:
        return False
    return spaced.behind_special or not tokenizer.chat_template


def readable(tokenizer: Any) -> Readable | str:
    """What llama.cpp is told of a tokenizer, or in words why it cannot be."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return "is none of the tokenizers library (it has no tokenizer.json)"
    data = json.loads(backend.to_str())
    kind = data["model"].get("type")
    if kind != "BPE":
        return f"is {kind}; byte-level BPE and the BPE of SentencePiece are exported"
    if data["model"].get("byte_fallback"):
        spaced, found = spacing(data), scores(data)
        if spaced is None:
            return "does not mark words as SentencePiece does"
        return found if isinstance(found, str) else Readable(data, "default", spaced, found)
    pre = _pre_tokenizer(data)
    return (
        "is not a byte-level BPE whose splitting is known" if pre is None else Readable(data, pre)
    )


def _pre_tokenizer(data: dict[str, Any]) -> str | None:
    """llama.cpp's name for how this byte-level BPE cuts text; None if it has none."""
    if (data.get("normalizer") or {}).get("type") not in (None, "NFC"):
        return None
    pre = data.get("pre_tokenizer") or {}
    steps = pre["pretokenizers"] if pre.get("type") == "Sequence" else [pre]
    last = steps[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    first = steps[0] if len(steps) == 2 else {}
    whole_words = bool(data["model"].get("ignore_merges"))
    if last.get("use_regex", True):
        digits = first.get("type") == "Digits" and first.get("individual_digits")
        name = "gpt-2" if len(steps) == 1 else "smollm" if digits else None
        return None if whole_words else name
    pattern = (first.get("pattern") or {}).get("Regex") if first.get("type") == "Split" else None
    return _BY_PATTERN.get(str(pattern), (None, None))[whole_words]


def _tokens(read: Readable, vocab: int) -> tuple[list[str], list[int]]:
    from gguf import TokenType

    tokens = [f"[unused {i}]" for i in range(vocab)]
    kinds = [int(TokenType.UNUSED)] * vocab
    bytes_ = byte_tokens(read.data) if read.scores is not None else set()
    unknown = read.data["model"].get("unk_token")
    for token, id_ in read.data["model"]["vocab"].items():
        kind = TokenType.BYTE if token in bytes_ else TokenType.NORMAL
        tokens[id_], kinds[id_] = token, int(kind)
    for added in read.data.get("added_tokens", ()):
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        if read.scores is not None and added["content"] == unknown:
            kind = TokenType.UNKNOWN
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    return tokens, kinds


def _add_special(writer: Any, tokenizer: Any, ends: tuple[int, ...]) -> None:
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    for id_, add in zip(
        ends,
        (writer.add_eos_token_id, writer.add_eot_token_id, writer.add_eom_token_id),
        strict=False,
    ):
        add(id_)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.unk_token_id is not None:
        writer.add_unk_token_id(tokenizer.unk_token_id)
    plain = tokenizer("a")["input_ids"]
    begins = tokenizer.bos_token_id is not None and plain[0] == tokenizer.bos_token_id
    writer.add_add_bos_token(begins)
    writer.add_add_eos_token(False)  # that a tokenizer ends what it reads is no part of a prompt
    template = tokenizer.chat_template
    if isinstance(template, dict):
        named = [{"name": name, "template": text} for name, text in template.items()]
        writer.add_chat_template(named)
    elif template:
        writer.add_chat_template(template)
