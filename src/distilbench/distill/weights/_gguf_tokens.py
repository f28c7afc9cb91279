"""Whether llama.cpp reads text as transformers does: seen token by token before a GGUF is trusted.

A model of one layer with the tokenizer in question is written and loaded, and both are given the
same texts: prose, code, digits, scripts, emoji, the special tokens, the vocabulary.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from distilbench.distill.weights._gguf_sentencepiece import Spacing
from distilbench.distill.weights._gguf_tokenizer import (
    Readable,
    add_tokenizer,
    puts_space_first,
    readable,
)
from distilbench.distill.weights._models import token_rows
from distilbench.engines import EngineSettings, LlamaCpp
from distilbench.errors import InputError

_WIDTH = 32  # of the model that is written
_OF_VOCABULARY, _A_TEXT, _SPECIAL = 2_000, 40, 40
TEXTS = (
    "The quick brown fox jumps over the lazy dog. It's 3 o'clock; I'll be THERE, won't you?",
    "We'VE been told HE'LL come: don't, DON'T, o'neill 'tis '90s",
    "a  b   c    d\te\t\tf\n\n\n g \r\n h\n \n  i ",
    "1 22 333 4444 55555 3.14159 1,234,567 0x7f 10^-3 ½ ² Ⅳ ١٢٣ 12ab 3a4",
    "def f(x):\n\tif x >= 0 and x != 1:\n        return x ** 2  # sq\n    return {'a': [1, -2]}\n",
    "naïve café über Straße Ελληνικά Привет мир עברית العربية हिन्दी ไทย 한국어 日本語 中文",
    "🙂👍🏽👨‍👩‍👧‍👦🇩🇪 → ∑∫√∞ €£¥ “quotes” ‘x’ — … «»",
    "<b>&amp;</b> http://a.example/b?c=d&e=%20 user@host $x_1^{2}$ \\frac{1}{2} `code` ***",
    "....!!!!???? ----==== ((( ))) [[ ]] {{ }} ~~~ \"\"\" ''' ``` ///",
    "\u00a0nbsp\u2003em\u200bzero\ufeffbom \x07\x1b ￼ \U0001f9ff \U00020000",
)
_seen: set[str] = set()


def check_tokens(tokenizer: Any, where: str, otherwise: str) -> Readable:
    """What llama.cpp is told of a tokenizer, seen once for each.

    Raises ``InputError`` naming ``where``, with the remedy ``otherwise``, if that is nothing, or if
    llama.cpp reads other tokens of a text than transformers does."""
    read = readable(tokenizer)
    if isinstance(read, str):
        raise InputError(where, f"the tokenizer {read}", otherwise)
    told = [read.data, tokenizer.chat_template, tokenizer("a")["input_ids"]]
    key = hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
    if key not in _seen:
        _compare(read, tokenizer, where, otherwise)
        _seen.add(key)
    return read


def _compare(read: Readable, tokenizer: Any, where: str, otherwise: str) -> None:
    spaced = read.spacing or Spacing(False)
    texts = list(_texts(tokenizer, spaced))
    if spaced.first != puts_space_first(spaced, tokenizer):  # right as prompts are asked, only
        texts = [_asked(tokenizer, text) for text in texts]
    elif tokenizer.chat_template:
        texts += [_asked(tokenizer, text) for text in TEXTS]
    for text, ours in zip(texts, _by_llama_cpp(read, tokenizer, texts), strict=True):
        wanted = _by_transformers(tokenizer, text)
        if ours != wanted:
            raise InputError(where, _differing(tokenizer, wanted, ours), otherwise)


def _texts(tokenizer: Any, spaced: Spacing) -> Iterator[str]:
    """What both read alike. llama.cpp puts its space before a space as well, and behind every
    special token: where transformers does not, texts begin with none, and hold none."""
    doubles = spaced.doubled or not spaced.first
    for text in TEXTS:
        yield text if doubles else text.strip()
    special = set(tokenizer.all_special_ids)
    more = [t.content for i, t in tokenizer.added_tokens_decoder.items() if i not in special]
    named = [tokenizer.convert_ids_to_tokens(i) for i in sorted(special)]
    for token in (*named, *more[:_SPECIAL]):
        if doubles:
            yield f"a{token}b {token} c"
        elif spaced.behind_special or tokenizer.chat_template:
            yield f"a{token}b{token}c"
    ids = sorted(tokenizer.get_vocab().values())
    every = max(1, len(ids) // _OF_VOCABULARY)
    words = [tokenizer.decode([i]) for i in ids[::every] if i not in special]
    words = [word for word in words if "\ufffd" not in word]
    for start in range(0, len(words), _A_TEXT):
        yield "|".join(words[start : start + _A_TEXT]).lstrip() or "a"


def _asked(tokenizer: Any, text: str) -> str:
    turns = [{"role": "user", "content": text}]
    asked = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    return str(asked)


def _by_transformers(tokenizer: Any, text: str) -> list[int]:
    ids = list(tokenizer(text)["input_ids"])
    ends = tokenizer("a")["input_ids"][-1] == tokenizer.eos_token_id
    return ids[:-1] if ends else ids  # no part of a prompt


def _by_llama_cpp(read: Readable, tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    async def tokens(file: Path) -> list[list[int]]:
        with LlamaCpp(file, EngineSettings(slots=1, context=256, threads=1)) as engine:
            try:
                return [await engine.tokenize(text) for text in texts]
            finally:
                await engine.aclose()

    with TemporaryDirectory(prefix="distilbench-tokens-") as scratch:
        file = Path(scratch, "tokens.gguf")
        _write(file, read, tokenizer)
        return asyncio.run(tokens(file))


def _write(file: Path, read: Readable, tokenizer: Any) -> None:
    """The least model that llama.cpp loads, whose weights are nought."""
    import numpy as np
    from gguf import GGMLQuantizationType, GGUFWriter

    rows = token_rows(tokenizer)
    writer = GGUFWriter(file, "llama")
    writer.add_block_count(1)
    writer.add_context_length(256)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(_WIDTH)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    add_tokenizer(writer, read, tokenizer, rows, (tokenizer.eos_token_id,))
    square, norm = np.zeros((_WIDTH, _WIDTH), np.float32), np.ones(_WIDTH, np.float32)
    half = GGMLQuantizationType.F16
    writer.add_tensor("token_embd.weight", np.zeros((rows, _WIDTH), np.float16), raw_dtype=half)
    writer.add_tensor("output_norm.weight", norm)
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.0.{name}.weight", norm)
    for name in ("attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"):
        writer.add_tensor(f"blk.0.{name}.weight", square)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _differing(tokenizer: Any, wanted: list[int], ours: list[int]) -> str:
    """The first difference, in words."""
    pairs = enumerate(zip(wanted, ours, strict=False))
    at = next((i for i, (one, other) in pairs if one != other), min(len(wanted), len(ours)))
    text = tokenizer.decode(wanted[at : at + 3])
    by = [tokenizer.convert_ids_to_tokens(ids[at : at + 3]) for ids in (wanted, ours)]
    return f"llama.cpp would read {text!r} as {by[1]}, transformers as {by[0]}"
