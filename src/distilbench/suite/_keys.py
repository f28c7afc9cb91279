"""A suite is copied into its run and its report, so it may hold no secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from distilbench.errors import InputError
from distilbench.keys import holds_key, secret_in_url, secrets

_REMEDY = (
    "remove it: keys are read from the provider's environment variable or the keyring"
    " (keyring set distilbench OPENAI_API_KEY)"
)
_NAMES = re.compile(
    r"(.*[_-])?(api[_-]?key|secret|password|authorization|credentials?"
    r"|(access|auth|bearer|hf|api|session)[_-]token)|token|bearer",
    re.IGNORECASE,
)
_URL = re.compile(r"https?://\S+", re.IGNORECASE)


def refuse_keys(where: str, text: str, data: Any) -> None:
    """Raise ``InputError`` if a suite (its text and the same parsed) holds what looks like a key:
    a field with the name of one, a URL with a login or a secret parameter, a value with the shape
    of one, or one of the environment."""
    for field, name, value in _fields(data):
        if _NAMES.fullmatch(name) and value is not None:
            raise InputError(where, f"field {field!r} would hold a secret", _REMEDY)
        if isinstance(value, str) and (name == "base_url" or _URL.fullmatch(value)):
            _refuse_url(where, field, value)
    known = secrets()
    for number, line in enumerate(text.splitlines(), 1):
        if holds_key(line, known):
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


def _refuse_url(where: str, field: str, url: str) -> None:
    try:
        secret = secret_in_url(url)
    except ValueError as error:  # which may repeat what is in it
        raise InputError(
            where, f"field {field!r} is no URL", "write it as http://host:port/v1"
        ) from error
    if secret:
        raise InputError(where, f"field {field!r} holds {secret}", _REMEDY)
