"""Sizes of memory as people write them: with their unit."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, ByteSize, PlainSerializer, WithJsonSchema


def _with_unit(value: Any) -> Any:
    """A bare number is refused: 300 is mebibytes to one reader and bytes to the other."""
    if isinstance(value, ByteSize):
        return value
    bare = isinstance(value, str) and value.strip().replace(".", "", 1).isdecimal()
    if bare or isinstance(value, int | float):
        raise ValueError(f"{value} has no unit; write it as {value}MiB or {value}GiB")
    return value


Bytes = Annotated[
    ByteSize,
    BeforeValidator(_with_unit),
    PlainSerializer(lambda size: f"{int(size)}B", return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["2GiB"]}),
]
"""A field of a suite or a recipe, as 300MiB or 2GiB."""
