"""Whether a model can be given tools to call, before any work."""

from __future__ import annotations

from collections.abc import Sequence

from distilbench.engines._contract import engine_of
from distilbench.engines._server_tools import refusal
from distilbench.errors import InputError
from distilbench.source import Source


def check_tools(tools: Sequence[str] | None, task: str, model: str, source: Source) -> None:
    """Raises ``InputError`` if a task gives its model ``tools`` and the engine of ``source`` cannot
    pass them on: the model would be asked without them. Null: they are not known."""
    where = f"task {task!r} on model {model!r}"
    if tools and not engine_of(source, where).provider(source).tools:
        raise InputError(
            where,
            f"gives its model tools to call ({', '.join(tools)}), and {source} takes none",
            "serve it (distilbench serve, llama-server or vLLM) and name it"
            f" inspect:openai-api/lab/{model} with its base_url, or leave the task out",
        )


def check_server_tools(
    tools: Sequence[str], task: str, model: str, source: Source, base_url: str | None
) -> None:
    """Raises ``InputError`` if the server behind ``source`` says that it gives its model no tools,
    or refuses a request with one. It is asked now: :func:`refusal`."""
    found = refusal(source.rest, base_url) if source.scheme == "inspect" else None
    if found:
        named = f"gives its model tools to call ({', '.join(tools)})"
        where = f"task {task!r} on model {model!r}"
        raise InputError(where, f"{named}, and {found[0]}", found[1])
