"""Names in a run for what other programs call by paths and hub ids: nothing is lost of them that
tells two apart."""

from __future__ import annotations

import hashlib
import re
import unicodedata

_MOST_BYTES = 80  # three names and a seed are one folder's name, of 255 bytes at most
_WEIGHTS = re.compile(r"\.(gguf|ggml|bin|safetensors|pth?)$", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_HUB_CACHE = re.compile(r"models--(.+?)--(.+)")
_COMMIT = re.compile(r"(sha256[-_:])?[0-9a-f]{40,64}")
_SILENT = {
    *("ggml", "gguf", "model", "models", "pytorch", "consolidated", "weights", "adapter"),
    *("final", "merged", "out", "output", "outputs", "latest", "best", "last", "export", "hf"),
    *("checkpoint", "checkpoints", "ckpt", "step", "epoch", "snapshots", "blobs", "main", "global"),
    *("of", "default", "quantized", "k", "m", "s", "l", "xl", "xs", "xxs", "nl", "ud"),
    *("awq", "gptq"),
}
_QUANTIZED = re.compile(r"i?q\d+|tq\d+|b?f(p)?\d+|fp\d+|int\d+|\d+|\d+bit")


def clean_name(text: str) -> str:
    """A name that can be a folder's: letters, marks and digits of any script, ``.``, ``_``, ``-``.
    One that is too long ends in a hash of the whole."""
    normal = unicodedata.normalize("NFC", text)
    cleaned = "".join(c if _kept(c) else "-" for c in normal).strip("._-")
    if len(cleaned.encode()) <= _MOST_BYTES:
        return cleaned or "unnamed"
    digest = hashlib.sha256(normal.encode()).hexdigest()[:8]
    shorter = cleaned.encode()[: _MOST_BYTES - len(digest) - 1].decode(errors="ignore")
    return f"{shorter}-{digest}"


def model_names(text: str) -> tuple[str, ...]:
    """Names for a model by its hub id, path or provider's name, the shortest first.

    The last part; before it the folder, where the last part says nothing (``7B/ggml-model-q4_0``,
    ``checkpoint-500``); the next name has one folder more.
    """
    parts = [part for part in _parts(text) if part not in ("", ".", "..", "~")]
    if not parts:
        return ("unnamed",)
    is_file = bool(_WEIGHTS.search(parts[-1]))
    last = _SHARD.sub("", _WEIGHTS.sub("", parts[-1]))
    folders = [part for part in parts[:-1] if _tells(part)]
    quiet = not _tells(last) and (is_file or len(parts) > 2 or last.lower() != "model")
    start = len(folders) - 1 if quiet and folders else len(folders)
    ending = [] if _COMMIT.fullmatch(last) and quiet and folders else [last]
    names = (clean_name("-".join([*folders[at:], *ending])) for at in (start, max(start - 1, 0)))
    return tuple(dict.fromkeys(names))


def says_nothing(text: str) -> bool:
    """Whether neither the file's name nor its folders tell which model it is. The folders above a
    blob are those of its store."""
    parts = _parts(text)
    if _COMMIT.fullmatch(parts[-1]) and not _HUB_CACHE.search(text):
        return True
    stems = (_SHARD.sub("", _WEIGHTS.sub("", part)) for part in parts)
    return not any(_tells(stem) for stem in stems)


def _parts(text: str) -> list[str]:
    found: list[str] = []
    for part in re.split(r"[\\/]+", text.strip()):
        cached = _HUB_CACHE.fullmatch(part)
        found += cached.groups() if cached else (part,)
    return found


def _tells(part: str) -> bool:
    """Whether a part of a path has a word that is not on every path."""
    if _COMMIT.fullmatch(part) or re.fullmatch(r"[A-Za-z]:", part):
        return False
    words = [word for word in re.split(r"[-_. ]+", part.lower()) if word]
    return any(word not in _SILENT and not _QUANTIZED.fullmatch(word) for word in words)


def _kept(c: str) -> bool:
    return c in "._-" or c.isalnum() or unicodedata.category(c).startswith("M")
