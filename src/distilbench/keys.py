"""API keys: read from the environment or the keyring, and kept out of everything that is written.

Inspect's providers read their key from an environment variable. Where that is not set, the key is
looked up in the system's keyring (package ``keyring``), as user name of the variable under the
service ``distilbench``. Servers may repeat a key in an error or an answer, so whatever comes from
one is cleaned of every key in the environment before Inspect sees it.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO
from urllib.parse import parse_qsl, quote, urlsplit

from distilbench.providers import key_variable

SECRET_NAMES = ("_KEY", "_TOKEN", "_SECRET", "_PASSWORD")
"""How the names of environment variables end that hold a secret."""
REMOVED = "[key removed]"
_SHORTEST = 8  # a shorter value is a placeholder such as "EMPTY"
_SERVICE = "distilbench"
_SHAPES = re.compile(
    r"\b(sk|pk|rk|gsk|hf|xai|ghp|gho|pplx|nvapi|r8|tgp)[-_][A-Za-z0-9_\-]{16,}"
    r"|\bAIza[A-Za-z0-9_\-]{30,}|\bAKIA[A-Z0-9]{16}\b|\bBearer\s+\S{8,}"
)
# Names of parameters of a URL; max_tokens and tokenizer are none of a secret.
_PARAMETERS = re.compile(
    r"key|token(?!s|iz)|auth|secret|passw|pwd|passphrase|credential|bearer|jwt|signature"
    r"|(^|[^a-z])(sig|sas|pass)([^a-z]|$)",
    re.IGNORECASE,
)


def is_secret_name(name: str) -> bool:
    """Whether an environment variable holds a secret, by its name."""
    return name.upper().endswith(SECRET_NAMES)


def secrets() -> list[str]:
    """Values of the environment that nothing may repeat, the longest first."""
    found = {v for k, v in os.environ.items() if is_secret_name(k) and len(v) >= _SHORTEST}
    return sorted(found | {quote(value, safe="") for value in found}, key=len, reverse=True)


def holds_key(text: str, known: list[str] | None = None) -> bool:
    """Whether a text holds what has the shape of a key, or one of the environment (``known``:
    those, where they were looked up before)."""
    known = secrets() if known is None else known
    return bool(_SHAPES.search(text)) or any(key in text for key in known)


def secret_in_url(url: str) -> str | None:
    """What of a URL would be a secret, in words that do not repeat it; null: nothing. Raises
    ``ValueError`` if it is no URL of a server.

    >>> secret_in_url("https://host/v1?api-version=2&sig=abc"), secret_in_url("http://host/v1")
    ("a secret in its parameter 'sig'", None)
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        return "a login"
    if not parts.hostname or parts.port == 0:
        raise ValueError("it names no server")
    for text in (parts.query, parts.fragment):
        for name, _ in parse_qsl(text.replace(";", "&"), keep_blank_values=True):
            if _PARAMETERS.search(name):
                return f"a secret in its parameter {name!r}"
    return "what looks like an API key" if holds_key(url) else None


def redact(text: str, known: list[str] | None = None) -> str:
    """The text without any key (``known``: the keys, where they were looked up before)."""
    for secret in secrets() if known is None else known:
        text = text.replace(secret, REMOVED)
    return text


def redacted(value: Any, known: list[str] | None = None) -> Any:
    """The same data (JSON, or a tuple) without any key; other objects as they are."""
    known = secrets() if known is None else known
    if isinstance(value, str):
        return redact(value, known)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"), known).encode()
    if isinstance(value, dict):
        return {redacted(key, known): redacted(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item, known) for item in value]
    if isinstance(value, tuple):
        return tuple(redacted(item, known) for item in value)
    return value


def clean_error(error: BaseException) -> None:
    """Take the keys out of an error, in place, so that whoever classifies it still knows it."""
    seen: set[int] = set()
    chain: list[BaseException | None] = [error]
    while chain:
        link = chain.pop()
        if link is None or id(link) in seen:
            continue
        seen.add(id(link))
        chain += [link.__cause__, link.__context__]
        link.args = redacted(link.args)
        for name, value in list(vars(link).items()):
            if isinstance(value, str | bytes | dict | list):
                setattr(link, name, redacted(value))


@contextmanager
def key_in_environment(reference: str) -> Iterator[None]:
    """The key of ``provider/model`` in the environment, from the keyring if it is not there."""
    variable = key_variable(reference)
    found = None if os.environ.get(variable) else _from_keyring(variable)
    if found:
        os.environ[variable] = found
    try:
        yield
    finally:
        if found:
            os.environ.pop(variable, None)


def bearer(reference: str) -> dict[str, str]:
    """The header of a request with the key of ``provider/model``; none where there is none."""
    with key_in_environment(reference):
        key = os.environ.get(key_variable(reference))
    return {"Authorization": f"Bearer {key}"} if key else {}


def guard_output() -> None:
    """From here on, keep keys out of this process's log records and standard error."""
    make_record = logging.getLogRecordFactory()

    def clean_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make_record(*args, **kwargs)
        record.msg, record.args = redact(record.getMessage()), ()
        return record

    logging.setLogRecordFactory(clean_record)
    sys.stderr = _Clean(sys.stderr)


class _Clean:
    """A text stream that takes the keys out of what is written to it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(redact(text))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _from_keyring(variable: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:
        return None
    try:
        return keyring.get_password(_SERVICE, variable)
    except KeyringError:
        return None
