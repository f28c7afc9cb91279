"""Whether a server gives its model the tools of a request: asked before an agent's task runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from distilbench.keys import bearer, key_in_environment, redact
from distilbench.providers import HERE, SERVER, address_of, model_name, provider_of, root_of

if TYPE_CHECKING:
    import httpx

_LOOK_S, _ANSWER_S = 5.0, 60.0
_USUAL = {"ollama": "http://localhost:11434/v1"}
_TOOL = {
    "type": "function",
    "function": {
        "name": "nothing",
        "description": "Does nothing.",
        "parameters": {"type": "object", "properties": {}},
    },
}
# What servers say where they take no tools, and what helps.
_REFUSALS = {
    "enable-auto-tool-choice": "start vLLM with --enable-auto-tool-choice and --tool-call-parser",
    "does not support tools": "take a model of Ollama whose 'ollama show' names tools",
    "requires --jinja": "start llama-server with --jinja",
    "tool-call-parser": "start SGLang with --tool-call-parser",
}


def refusal(reference: str, base_url: str | None) -> tuple[str, str] | None:
    """Why the server behind ``provider/model`` gives its model no tools, and the remedy; null: it
    does, or does not tell. It is asked for one token, with a tool that does nothing, if it is no
    company's API. What cannot be reached is left to the run."""
    import httpx

    provider = provider_of(reference)
    address = address_of(reference, base_url) or _USUAL.get(provider.name)
    if provider.in_process or provider.runs_on not in (HERE, SERVER) or address is None:
        return None
    # The key stays there meanwhile, so that it is taken out of what the server repeats.
    with key_in_environment(reference), httpx.Client(headers=bearer(reference)) as client:
        for ask in (_llama_server, _ollama, _any):
            try:
                found = ask(client, address.rstrip("/"), model_name(reference))
            except (httpx.HTTPError, httpx.InvalidURL, ValueError, UnicodeError):
                continue
            if found:
                return found
    return None


def _told(answer: httpx.Response) -> dict[str, Any]:
    told = answer.json() if answer.status_code == 200 else None
    return told if isinstance(told, dict) else {}


def _llama_server(client: httpx.Client, address: str, model: str) -> tuple[str, str] | None:
    """Its chat template, which it reads the abilities of: without that for tools, it leaves them
    out without a word."""
    told = _told(client.get(f"{root_of(address)}/props", timeout=_LOOK_S))
    able = told.get("chat_template_caps")
    knows = isinstance(able, dict) and able.get("supports_tools") is False
    if not knows or told.get("chat_template_tool_use"):
        return None
    return (
        "llama-server leaves tools out, without a word: the model's chat template knows none",
        "start it with --jinja and --chat-template-file of a template that knows tools",
    )


def _ollama(client: httpx.Client, address: str, model: str) -> tuple[str, str] | None:
    asked = {"model": model}
    told = _told(client.post(f"{root_of(address)}/api/show", json=asked, timeout=_LOOK_S))
    able = told.get("capabilities")
    if not isinstance(able, list) or "tools" in able:
        return None
    return f"Ollama says that {model!r} takes none", _REFUSALS["does not support tools"]


def _any(client: httpx.Client, address: str, model: str) -> tuple[str, str] | None:
    asked = {
        "model": model,
        "messages": [{"role": "user", "content": "Hello"}],
        "tools": [_TOOL],
        "max_tokens": 1,
    }
    answer = client.post(f"{address}/chat/completions", json=asked, timeout=_ANSWER_S)
    if answer.status_code < 400:
        return None
    return next(_refusals(answer.text, urlsplit(address).hostname or "its address"), None)


def _refusals(said: str, where: str) -> Iterator[tuple[str, str]]:
    for words, remedy in _REFUSALS.items():
        if words in said:
            quoted = redact(" ".join(said.split())[:200])
            yield f"the server at {where} refuses them ({quoted})", remedy
