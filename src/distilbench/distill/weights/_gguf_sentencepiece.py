"""SentencePiece's BPE, as transformers has it in ``tokenizer.json``, as llama.cpp reads it.

llama.cpp merges the two neighbours whose union is the token of the highest score (its "llama"
tokenizer, after SentencePiece), transformers the two that come first in a list of merges. Both do
the same if the list holds every pair whose union is a token, and the pairs of one token stand
together: the score is then the place in the list. Lists that come of SentencePiece are such, those
that the ``tokenizers`` library trains are not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

_SPACE = "▁"
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
_REPLACE = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}


class Spacing(NamedTuple):
    """Where a space is put before a text."""

    first: bool
    """Before a text."""
    behind_special: bool = False
    """Before what stands behind a special token, too."""
    doubled: bool = False
    """Even before a space."""


def spacing(data: dict[str, Any]) -> Spacing | None:
    """How ``tokenizer.json`` marks words; null: not as SentencePiece does."""
    normalizer, pre = data.get("normalizer"), data.get("pre_tokenizer")
    if normalizer == _REPLACE and (pre is None or pre.get("pattern") == {"String": " "}):
        return Spacing(False)
    if normalizer and normalizer["type"] == "Sequence" and pre is None:
        prepend = {"type": "Prepend", "prepend": _SPACE}
        return (
            Spacing(True, True, True) if normalizer["normalizers"] == [prepend, _REPLACE] else None
        )
    if normalizer or not pre or pre.get("type") != "Metaspace" or pre.get("split", True):
        return None
    scheme = pre.get("prepend_scheme", "always")
    return Spacing(scheme != "never", scheme == "always") if pre["replacement"] == _SPACE else None


def scores(data: dict[str, Any]) -> dict[str, float] | str:
    """The score of each token, or in words why llama.cpp would merge otherwise."""
    vocab = data["model"]["vocab"]
    if missing := next((token for token in _BYTES if token not in vocab), None):
        return f"has no token {missing}, by which llama.cpp writes what is in no token"
    merges = [m.split(" ", 1) if isinstance(m, str) else m for m in data["model"]["merges"]]
    found: dict[str, float] = {}
    last, apart = "", ""
    for place, (left, right) in enumerate(merges):
        token = left + right
        if token != last and token in found:
            apart = apart or token
        found.setdefault(token, -float(place))
        last = token
    if apart:
        return f"has merges of {apart!r} in two places, and llama.cpp takes one score for a token"
    if pair := _unlisted(data, {(left, right) for left, right in merges}):
        return f"does not merge {pair[0]!r} with {pair[1]!r}, which llama.cpp would"
    return {token: found.get(token, -float(len(merges))) for token in vocab}


def _unlisted(data: dict[str, Any], merges: set[tuple[str, str]]) -> tuple[str, str] | None:
    """Two tokens whose union is a token, without a merge of them."""
    added = {token["content"] for token in data.get("added_tokens", ())}
    plain = set(data["model"]["vocab"]) - added - set(_BYTES)
    for token in plain:
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in plain and right in plain and (left, right) not in merges:
                return left, right
    return None


def byte_tokens(data: dict[str, Any]) -> set[str]:
    """Tokens that stand for one byte."""
    return set(_BYTES) & set(data["model"]["vocab"])
