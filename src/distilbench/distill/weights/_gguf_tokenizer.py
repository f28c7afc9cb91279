"""Writes a byte-level BPE tokenizer into a GGUF file, so that llama.cpp splits text as it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from distilbench.errors import InputError

# How text is cut before merging, and llama.cpp's name for it.
_LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_QWEN_2 = _LLAMA_3.replace(r"\p{N}{1,3}", r"\p{N}")
_BY_PATTERN = {_LLAMA_3: "llama-bpe", _QWEN_2: "qwen2"}


def add_tokenizer(writer: Any, folder: Path, tokenizer: Any, vocab: int, otherwise: str) -> None:
    """Add tokens, merges, pre-tokenizer, special tokens and chat template.

    ``vocab`` is the number of embeddings; ids without a token are marked as unused. Raises
    ``InputError`` naming ``folder``, with the remedy ``otherwise``, for another kind of tokenizer.
    """
    data, pre = check_tokenizer(folder, otherwise)
    tokens, kinds = _tokens(data, vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    merges = data["model"]["merges"]
    writer.add_token_merges([m if isinstance(m, str) else " ".join(m) for m in merges])
    _add_special(writer, tokenizer)


def check_tokenizer(folder: Path, otherwise: str) -> tuple[dict[str, Any], str]:
    """The data of a folder's tokenizer, and llama.cpp's name for how it cuts text. Raises
    ``InputError`` naming the folder, with the remedy ``otherwise``, for one of another kind."""
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise InputError(str(folder), "has no tokenizer.json", otherwise)
    data = json.loads(file.read_text("utf-8"))
    pre = _pre_tokenizer(data)
    if data["model"].get("type") != "BPE" or pre is None:
        raise InputError(str(file), "is not a byte-level BPE whose splitting is known", otherwise)
    return data, pre


def _pre_tokenizer(data: dict[str, Any]) -> str | None:
    """llama.cpp's name for how this tokenizer cuts text; None if it has none."""
    if (data.get("normalizer") or {}).get("type") not in (None, "NFC"):
        return None
    pre = data.get("pre_tokenizer") or {}
    steps = pre["pretokenizers"] if pre.get("type") == "Sequence" else [pre]
    last = steps[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    first = steps[0] if len(steps) == 2 else {}
    if last.get("use_regex", True):
        if len(steps) == 1:
            return "gpt-2"
        digits = first.get("type") == "Digits" and first.get("individual_digits")
        return "smollm" if digits else None
    pattern = (first.get("pattern") or {}).get("Regex") if first.get("type") == "Split" else None
    return _BY_PATTERN.get(str(pattern))


def _tokens(data: dict[str, Any], vocab: int) -> tuple[list[str], list[int]]:
    from gguf import TokenType

    tokens = [f"[unused {i}]" for i in range(vocab)]
    kinds = [int(TokenType.UNUSED)] * vocab
    for token, id_ in data["model"]["vocab"].items():
        tokens[id_], kinds[id_] = token, int(TokenType.NORMAL)
    for added in data.get("added_tokens", ()):
        kind = TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    return tokens, kinds


def _add_special(writer: Any, tokenizer: Any) -> None:
    if tokenizer.bos_token_id is not None:
        writer.add_bos_token_id(tokenizer.bos_token_id)
    if tokenizer.eos_token_id is not None:
        writer.add_eos_token_id(tokenizer.eos_token_id)
    if tokenizer.pad_token_id is not None:
        writer.add_pad_token_id(tokenizer.pad_token_id)
    if tokenizer.unk_token_id is not None:
        writer.add_unk_token_id(tokenizer.unk_token_id)
    plain = tokenizer("a")["input_ids"]
    writer.add_add_bos_token(plain[0] == tokenizer.bos_token_id)
    writer.add_add_space_prefix(False)
    if isinstance(tokenizer.chat_template, str):
        writer.add_chat_template(tokenizer.chat_template)
