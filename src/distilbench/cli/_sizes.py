"""Sizes as options give them."""

from __future__ import annotations

from distilbench.errors import InputError


def memory_bytes(text: str | None) -> int | None:
    """Bytes of ``--memory``, as 300MiB or 2GiB; null: no limit."""
    from pydantic import TypeAdapter, ValidationError

    from distilbench.sizes import Bytes

    if text is None:
        return None
    try:
        size = int(TypeAdapter(Bytes).validate_python(text))
    except ValidationError:
        size = 0
    if size < 1:
        raise InputError("--memory", f"is {text!r}", "write it with its unit, as 300MiB or 2GiB")
    return size
