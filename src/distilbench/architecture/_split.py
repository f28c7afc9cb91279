"""A model in several files: which they are, and that none is missing.

llama.cpp splits a GGUF into ``name-00001-of-00003.gguf`` and so on, Hugging Face a safetensors
model likewise. Any part stands for the whole model.
Source of the form: ``llama_split_path`` (llama.cpp) and ``huggingface_hub.split_state_dict``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from distilbench.architecture._gguf_header import GGUFHeader
from distilbench.errors import InputError

_PART = re.compile(
    r"(?P<stem>.*)-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<kind>\.(gguf|safetensors))"
)
_MOST_NAMED = 5


def part_names(name: str) -> list[str]:
    """Names of all parts of the model that the file ``name`` belongs to, first part first.

    >>> part_names("a-00002-of-00002.gguf")
    ['a-00001-of-00002.gguf', 'a-00002-of-00002.gguf']
    >>> part_names("a.gguf")
    ['a.gguf']
    """
    found = _PART.fullmatch(name)
    if found is None or not 1 <= int(found["number"]) <= int(found["count"]):
        return [name]
    stem, count, kind = found["stem"], int(found["count"]), found["kind"]
    return [f"{stem}-{number:05d}-of-{count:05d}{kind}" for number in range(1, count + 1)]


def model_files(path: Path) -> list[Path]:
    """The files of the model that ``path`` is a part of, first part first; mostly itself alone.

    Raises ``InputError`` naming the parts that are missing.
    """
    files = [path.with_name(name) for name in part_names(path.name)]
    if len(files) > 1:
        refuse_missing([f.name for f in files if not f.is_file()], len(files), str(path))
    return files


def refuse_missing(missing: Sequence[str], parts: int, where: str) -> None:
    """Raises ``InputError`` naming ``missing``, unless it is empty."""
    if not missing:
        return
    named = ", ".join(missing[:_MOST_NAMED])
    more = f" and {len(missing) - _MOST_NAMED} more" if len(missing) > _MOST_NAMED else ""
    raise InputError(
        where,
        f"the model has {parts} parts, and {named}{more}"
        f" {'is' if len(missing) == 1 else 'are'} missing",
        "put all parts into one folder",
    )


def joined(headers: Sequence[GGUFHeader], names: Sequence[str]) -> GGUFHeader:
    """The header of the whole model from those of its parts, called ``names``, in their order.

    Raises ``InputError`` naming the part that does not belong to the others.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    types: dict[str, str] = {}
    for index, (header, name) in enumerate(zip(headers, names, strict=True)):
        _check_part(header, index, len(headers), name)
        twice = next((tensor for tensor in header.shapes if tensor in shapes), None)
        if twice is not None:
            raise InputError(name, f"has the tensor {twice!r} again", "download the parts again")
        shapes |= header.shapes
        types |= header.types
    due = headers[0].metadata.get("split.tensors.count", len(shapes))
    if due != len(shapes):
        raise InputError(
            names[0], f"tells of {due:,} tensors and its parts hold {len(shapes):,}",
            "download the parts again, all of one model",
        )  # fmt: skip
    return GGUFHeader(headers[0].metadata, shapes, types)


def _check_part(header: GGUFHeader, index: int, parts: int, name: str) -> None:
    count = header.metadata.get("split.count", 1) or 1
    number = header.metadata.get("split.no", 0)
    if (count, number) == (parts, index):
        return
    said = f"says that it is part {number + 1} of {count}" if count > 1 else "is no part of one"
    raise InputError(
        name,
        f"is named as part {index + 1} of {parts}, but {said}" if parts > 1 else said,
        "name a part as llama.cpp does (name-00001-of-00003.gguf)"
        if count > 1
        else "name it otherwise, or join the pieces of a file that was cut up",
    )
