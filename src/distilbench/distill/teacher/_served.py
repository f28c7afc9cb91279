"""Which model a server serves, in its own words: an address stays while models change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from distilbench.distill.teacher._cache import key_of
from distilbench.engines import sha256_of
from distilbench.keys import bearer
from distilbench.providers import address_of, root_of
from distilbench.source import Source

_WAIT_S = 5.0
_TOLD = {
    "v1/models": ("id", "root", "max_model_len", "meta", "name", "digest"),  # any; llama.cpp's meta
    "version": ("version",),  # vLLM
    "get_model_info": ("model_path", "tokenizer_path"),  # SGLang
    "props": ("model_path", "build_info", "chat_template"),  # llama-server
    "api/tags": ("name", "digest"),  # Ollama
    "api/version": ("version",),
}
"""Where servers say what they serve, and the fields of it that do not change from call to call."""


def served_digest(source: Source, reference: str) -> str:
    """SHA-256 of all that can be known, without asking it a question, of the model behind a source
    that has no file here: its name; where it is a server's, the address and what the server says
    of model and version; the content of a local folder or file that the name leads to."""
    address = address_of(reference)
    said = {} if address is None else said_at(address, reference)
    return key_of(source=str(source), address=address, said=said, files=_files(source))


def said_at(address: str, reference: str) -> dict[str, Any]:
    """What the server answers, by the path of its own; nothing of a server that is not there."""
    import httpx

    root, found = root_of(address), {}
    with httpx.Client(headers=bearer(reference), timeout=_WAIT_S, trust_env=False) as client:
        for path, fields in _TOLD.items():
            try:
                reply = client.get(f"{root}/{path}")
                answer = reply.json() if reply.status_code == 200 else None
            except httpx.TransportError:
                break
            except ValueError:
                continue
            if answer is not None and (kept := _only(answer, fields)):
                found[path] = kept
    return found


def _only(answer: Any, fields: tuple[str, ...]) -> Any:
    """Of an answer, or of each model that it lists, the ``fields`` that it has."""
    if isinstance(answer, dict):
        listed = next((answer[n] for n in ("data", "models") if isinstance(answer.get(n), list)), 0)
        return _only(listed, fields) if listed else {n: answer[n] for n in fields if n in answer}
    if isinstance(answer, list):
        return [_only(entry, fields) for entry in answer]
    return {}


def _files(source: Source) -> list[list[str]]:
    """Of a local model that the name ends in (``vllm//models/mine``), each file and its SHA-256."""
    place = Path(source.rest.partition("/")[2]).expanduser()
    if not place.is_absolute() or not place.exists():
        return []
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    return [[str(file.relative_to(place)), sha256_of(file)] for file in files]
