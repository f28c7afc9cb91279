"""Files of strangers, changed by hypothesis: read, or refused in one sentence that names the file;
and chat templates, which llama.cpp reads and writes prompts by.

``FUZZ_EXAMPLES`` (``make fuzz``) is how many of each kind; a normal run has a few.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from distilbench.engines import EngineSettings
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.engines._process import EngineError
from tests.fuzz import TARGETS, read, valid
from tests.tiny_gguf import raw, tiny_gguf

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "20"))
STRUCTURED = ("config", "results", "bench", "jsonl", "json")
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**400, 1e308, float("nan"), float("inf")]),
    st.sampled_from(
        ["", "\0", "\ud800", "a" * 3000, "../../x", "{{ x }}", "\x1b[2J", "nan", "1e999"]
    ),
    st.just([]),
    st.just({}),
    st.recursive(st.integers(), lambda inner: st.lists(inner, max_size=2), max_leaves=5),
)
ARCHITECTURES = ("llama", "gemma3", "qwen3moe", "deepseek2", "mamba", "lfm2", "gpt2", "t5", "x")
NUMBERS = st.sampled_from([0, -1, 1, 2, 3, 64, 96, 2**31, 2**53, 2**63 - 1, -(2**63)])
VALUES = st.one_of(
    NUMBERS,
    st.booleans(),
    st.floats(),
    st.text(max_size=20),
    st.lists(NUMBERS, min_size=1, max_size=4).map(tuple),
    st.lists(st.floats(), min_size=1, max_size=3).map(tuple),
    st.lists(st.text(max_size=5), min_size=1, max_size=3).map(tuple),
)
FIELDS = st.dictionaries(
    st.sampled_from(
        [f"general.{name}" for name in ("name", "file_type", "alignment", "parameter_count")]
        + ["split.count", "split.no", "tokenizer.ggml.tokens", "tokenizer.ggml.pre"]
        + [f"*.{name}" for name in ("block_count", "context_length", "embedding_length")]
        + [f"*.{name}" for name in ("feed_forward_length", "vocab_size", "expert_count")]
        + [f"*.{name}" for name in ("expert_used_count", "expert_feed_forward_length")]
        + [f"*.attention.{name}" for name in ("head_count", "head_count_kv", "key_length")]
        + [f"*.attention.{name}" for name in ("value_length", "sliding_window", "kv_lora_rank")]
        + [f"*.ssm.{name}" for name in ("conv_kernel", "inner_size", "state_size", "group_count")]
        + ["*.shortconv.l_cache", "*.leading_dense_block_count", "*.rope.dimension_count"]
    ),
    VALUES,
    max_size=8,
)
"""Of a header, ``*`` being its architecture."""
NAMES = ("token_embd.weight", "output.weight", "blk.0.ffn_up.weight", "blk.0.attn_q.weight",
         "blk.0.ffn_up_exps.weight", "blk.1.ssm_in.weight", "blk.99999999999.a",
         "\x1b[2J")  # fmt: skip
SIZES = st.sampled_from([0, 1, 2, 31, 32, 64, 256, 2**31, 2**62, 2**63])
PLACES = st.sampled_from([0, 1, 32, 4096, 2**62, 2**64 - 1])
TENSORS = st.lists(
    st.tuples(st.sampled_from(NAMES), st.lists(SIZES, max_size=5).map(tuple), st.integers(0, 45)),
    max_size=4,
)
TEMPLATES = st.lists(
    st.sampled_from(
        ["{{ bos_token }}", "{{ messages }}", "{{ messages[0].content }}",
         "{{ messages[9].role }}",
         "{% for m in messages %}", "{{ m.role }}: {{ m['content'] }}", "{% endfor %}",
         "{% if x %}",
         "{% else %}", "{% endif %}", "{{ raise_exception('no') }}", "{% set x = x ~ x %}",
         "{% for i in range(10) %}", "{{ 1 / 0 }}", "{{ 'a' * 100000 }}", "{{ x.y.z() }}",
         "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "{{ tools | tojson }}", "{#", "{%- -%}",
         "<think>", "</think>", "{{ messages | map(attribute='content') | join }}", "{{",
         "{% generation %}", "{{ strftime_now('%Y') }}", "{{ (" + "(" * 500, "\x00", "\U0001f600"]
    )
    | st.text(max_size=10),
    max_size=6,
).map("".join)  # fmt: skip
CONVERSATIONS: list[list[Any]] = [
    [{"role": "user", "content": "2+2?"}],
    [{"role": "system", "content": "{{ x }}"}, {"role": "user", "content": "\u202e\x1b[2J" * 9}],
]
IN_TIME_S = 120.0
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.parametrize("kind", sorted(TARGETS))
@fuzzed
@given(data=st.data())
def test_damaged_bytes(kind: str, data: Any, tmp_path: Path) -> None:
    whole = bytearray(valid(kind, tmp_path))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(whole)))
        end = at + data.draw(st.integers(0, 20))
        whole[at:end] = data.draw(st.binary(max_size=20))
    one_sentence(read(kind, bytes(whole), tmp_path))


@pytest.mark.parametrize("kind", STRUCTURED)
@fuzzed
@given(data=st.data())
def test_odd_values_in_any_field(kind: str, data: Any, tmp_path: Path) -> None:
    """A valid file with one or two values of another kind, anywhere in it."""
    document = json.loads(valid(kind, tmp_path))
    for _ in range(data.draw(st.integers(1, 2))):
        document = _changed(document, data)
    one_sentence(read(kind, json.dumps(document).encode(), tmp_path))


@fuzzed
@given(data=st.data())
def test_odd_values_in_a_safetensors_header(data: Any, tmp_path: Path) -> None:
    whole = valid("safetensors", tmp_path)
    size = 8 + int.from_bytes(whole[:8], "little")
    head = json.dumps(_changed(json.loads(whole[8:size]), data)).encode()
    changed = len(head).to_bytes(8, "little") + head + whole[size:]
    one_sentence(read("safetensors", changed, tmp_path))


@fuzzed
@given(arch=st.sampled_from(ARCHITECTURES), fields=FIELDS, template=TEMPLATES, tensors=TENSORS,
       places=st.lists(PLACES, min_size=4, max_size=4))  # fmt: skip
def test_odd_values_in_a_gguf_header(
    arch: str,
    fields: dict[str, Any],
    template: str,
    tensors: Any,
    places: list[int],
    tmp_path: Path,
) -> None:
    """A header as its format has it, whose fields and tensors say anything."""
    said = {"general.architecture": arch, "tokenizer.chat_template": template}
    said |= {key.replace("*", arch): value for key, value in fields.items()}
    one_sentence(read("gguf", raw(said, tensors, places).getvalue(), tmp_path))
    with contextlib.suppress(struct.error):  # tensors so large that no place behind them has a name
        one_sentence(read("gguf", raw(said, tensors).getvalue(), tmp_path))


@settings(fuzzed, max_examples=max(1, EXAMPLES // 40))  # each loads a model
@given(template=TEMPLATES)
def test_a_chat_template_makes_a_prompt_or_is_refused(template: str, tmp_path: Path) -> None:
    """llama.cpp reads it and writes prompts by it: what comes of any is text, or an error of the
    engine, and in time."""
    model = tiny_gguf(tmp_path / "model.gguf", template=template)

    async def prompts() -> list[str]:
        with LlamaCpp(model, EngineSettings(slots=1, context=128, threads=1)) as engine:
            try:
                return [await engine.prompt(messages) for messages in CONVERSATIONS]
            finally:
                await engine.aclose()

    begun = time.monotonic()
    with contextlib.suppress(EngineError):
        assert all(isinstance(prompt, str) for prompt in asyncio.run(prompts()))
    assert time.monotonic() - begun < IN_TIME_S


@pytest.mark.parametrize("kind", ["suite", "recipe"])
@fuzzed
@given(data=st.data())
def test_odd_values_in_yaml(kind: str, data: Any, tmp_path: Path) -> None:
    """A line of it twice, deeper, or with another value."""
    lines = valid(kind, tmp_path).decode().splitlines()
    odd = ["*a", "&a [*a]", "!!python/object:x {}", "'\\0'", "{" * 60, "- " * 60, "?", "0x",
           "1e999", "{<<: {a: 1}}", "[" * 2000, "'a{1000}{1000}{1000}'", "\"\\x00\""]  # fmt: skip
    at = data.draw(st.integers(0, len(lines) - 1))
    key = lines[at].partition(":")[0]
    lines[at] = f"{key}: {data.draw(st.sampled_from(odd) | st.text(max_size=30))}"
    one_sentence(read(kind, "\n".join(lines).encode("utf-8", "replace"), tmp_path))


def _changed(value: Any, data: Any) -> Any:
    """``value`` with one part of it, however deep, in another form."""
    parts = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(
        value, list
    ) else []  # fmt: skip
    if not parts or data.draw(st.integers(0, 5)) == 0:
        return data.draw(ODD)
    key = data.draw(st.sampled_from(parts))
    if isinstance(value, dict):
        return {**value, key: _changed(value[key], data)}
    return [_changed(part, data) if i == key else part for i, part in enumerate(value)]


def one_sentence(said: str) -> None:
    assert "\n" not in said
    assert "Traceback" not in said
