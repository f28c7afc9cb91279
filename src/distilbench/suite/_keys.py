"""A suite is copied into its run and its report, so it may hold no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from distilbench.errors import InputError
from distilbench.keys import secrets

_REMEDY = (
    "remove it: keys are read from the provider's environment variable or the keyring"
    " (keyring set distilbench OPENAI_API_KEY)"
)
_NAMES = re.compile(
    r"(.*[_-])?(api[_-]?key|secret|password|authorization|credentials?"
    r"|(access|auth|bearer|hf|api|session)[_-]token)|token|bearer",
    re.IGNORECASE,
)
_SHAPES = re.compile(
    r"\b(sk|pk|rk|gsk|hf|xai|ghp|gho|pplx|nvapi|r8|tgp)[-_][A-Za-z0-9_\-]{16,}"
    r"|\bAIza[A-Za-z0-9_\-]{30,}|\bAKIA[A-Z0-9]{16}\b|\bBearer\s+\S{8,}"
)


def refuse_keys(where: str, text: str, data: Any) -> None:
    """Raise ``InputError`` if a suite (its text and the same parsed) holds what looks like a key:
    a field with the name of one, a value with the shape of one, or one of the environment."""
    for field, name, value in _fields(data):
        if _NAMES.fullmatch(name) and value is not None:
            raise InputError(where, f"field {field!r} would hold a secret", _REMEDY)
        if name == "base_url" and isinstance(value, str) and _has_login(value):
            raise InputError(where, f"field {field!r} holds a login", _REMEDY)
    known = secrets()
    for number, line in enumerate(text.splitlines(), 1):
        if _SHAPES.search(line) or any(key in line for key in known):
            raise InputError(where, f"line {number} holds what looks like an API key", _REMEDY)


def _fields(data: Any, path: str = "") -> Iterator[tuple[str, str, Any]]:
    """Path, name and value of every field, at any depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            field = f"{path}.{name}" if path else str(name)
            yield field, str(name), value
            yield from _fields(value, field)
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _fields(value, f"{path}[{index}]")


def _has_login(url: str) -> bool:
    parts = urlsplit(url)
    return parts.password is not None or "key=" in parts.query.lower()
