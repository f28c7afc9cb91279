"""Files of strangers, changed by hypothesis: read, or refused in one sentence that names the file.

``FUZZ_EXAMPLES`` (``make fuzz``) is how many of each kind; a normal run has a few.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import TARGETS, read, valid

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
