"""Sizes as options give them."""

from __future__ import annotations

from distilbench.errors import InputError


def memory_bytes(text: str | None) -> int | None:
    """Bytes of ``--memory``, as 300MiB or 2GiB; null: no limit."""
    from pydantic import ByteSize, PositiveInt, TypeAdapter, ValidationError

    if text is None:
        return None
    try:
        return TypeAdapter(PositiveInt).validate_python(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError as error:
        raise InputError("--memory", f"is {text!r}", "write it as 300MiB or 2GiB") from error
