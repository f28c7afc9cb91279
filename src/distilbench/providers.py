"""What is known of Inspect's model providers: the one table of them.

Where a provider runs its models, what it can be told, and where it looks for its key. What is not
in the table is not known: such a provider can be used, and nothing is taken for granted of it, no
place, no price, no setting that it may not obey.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

HERE = "the run's machine"
SERVER = "a server"
"""At an address that does not tell whose it is."""
SETS_ADDRESS = "INSPECT_EVAL_MODEL_BASE_URL"
"""Inspect's variable for the address of whichever provider is asked."""


@dataclass(frozen=True)
class Provider:
    """One of Inspect's providers, or of another engine's. The default of every field is the one
    that takes nothing for granted."""

    name: str
    runs_on: str | None = None
    """Unless it is given another address: ``HERE``, ``SERVER``, or the company whose API it is, as
    prices name it. Null: not known, whatever the address (a proxy)."""
    domain: str | None = None
    """Of the company's own API: an address there is the company's, whoever asks it."""
    addresses: tuple[str, ...] = ()
    """Variables that give it another address; ``{}`` stands for an openai-api service."""
    loads_weights: bool = False
    """When it is made, into this process or a server that it starts: a check of it costs a run."""
    in_process: bool = False
    """Then no address makes it run elsewhere."""
    top_k: Literal["field", "body"] | None = None
    """Where a request bears it: Inspect's own field, or the body. Null: it cannot be told."""
    min_p: Literal["body"] | None = None
    """As ``top_k``; Inspect has no field for it."""
    blank_stops: bool = True
    """Whether it takes stop sequences of nothing but white space."""
    likelihoods: bool = False
    """Whether it can be asked how likely a text is."""
    tools: bool = True
    """Whether a request can give its model tools to call. Those that cannot leave them out without
    a word, or fail; what is not known of a provider is left to it."""
    key: str | None = None
    """Variable of its API key; ``{}`` as above. Null: it needs none, or other credentials."""
    args: Mapping[str, Any] = field(default_factory=dict)
    """Model arguments that an honest measurement needs where its own default is another."""
    greedy_args: Mapping[str, Any] = field(default_factory=dict)
    """And those that temperature 0 needs."""


def _api(name: str, company: str, domain: str, **more: Any) -> Provider:
    """The API of a company, with the variables that most of them have."""
    prefix = name.upper().replace("-", "_")
    known = {"addresses": (f"{prefix}_BASE_URL",), "key": f"{prefix}_API_KEY"}
    return Provider(name, company, domain, **{**known, **more})


def _server(name: str, **more: Any) -> Provider:
    """A server of open weights with an OpenAI-compatible API that takes llama.cpp's and vLLM's
    further sampling options in its body."""
    prefix = name.upper().replace("-", "_")
    known: dict[str, Any] = {"runs_on": HERE, "addresses": (f"{prefix}_BASE_URL",)}
    return Provider(name, **{**known, "top_k": "body", "min_p": "body", **more})


_SERVICE = {"runs_on": SERVER, "addresses": ("{}_BASE_URL",), "key": "{}_API_KEY"}
_VLLM = {
    "addresses": ("VLLM_BASE_URL",), "loads_weights": True, "key": "VLLM_API_KEY",
    "args": {"lazy_init": False},
}  # fmt: skip
_TABLE = (
    Provider(
        "distilbench", HERE, in_process=True, loads_weights=True, top_k="field", min_p="body",
        likelihoods=True, tools=False,
    ),
    # Open weights, in this process or in a server.
    Provider(
        "hf", HERE, in_process=True, loads_weights=True, top_k="field", key="HF_TOKEN",
        greedy_args={"do_sample": False}, likelihoods=True,
    ),
    Provider("nnterp", HERE, in_process=True, loads_weights=True, top_k="field", tools=False),
    Provider("transformer_lens", HERE, in_process=True, loads_weights=True, tools=False),
    _server("vllm", **_VLLM),
    _server("vllm-completions", **_VLLM, tools=False),
    _server("sglang", loads_weights=True, key="SGLANG_API_KEY"),
    _server("ollama"),
    _server("llama-cpp-python"),
    _server("openai-api", **_SERVICE),
    _server("openai-api-completions", **_SERVICE, tools=False),
    Provider("sagemaker", SERVER, top_k="field"),
    # Forwards to whom it is set up to; where the model runs cannot be told from here.
    Provider("litellm-proxy", addresses=("LITELLM_PROXY_BASE_URL",), key="LITELLM_PROXY_API_KEY"),
    # Companies' APIs.
    _api("anthropic", "Anthropic", "anthropic.com", top_k="field", blank_stops=False),
    _api("azureai", "Azure AI", "azure.com"),
    Provider("bedrock", "Amazon Bedrock", "amazonaws.com", ("BEDROCK_BASE_URL",), top_k="field"),
    _api("cloudflare", "Cloudflare", "cloudflare.com", key="CLOUDFLARE_API_TOKEN"),
    _api("deepseek", "DeepSeek", "deepseek.com"),
    _api("fireworks", "Fireworks AI", "fireworks.ai"),
    _api("google", "Google", "googleapis.com", top_k="field"),
    _api(
        "grok", "xAI", "x.ai", addresses=("XAI_BASE_URL", "GROK_BASE_URL"), key="XAI_API_KEY"
    ),
    _api("groq", "Groq", "groq.com"),
    _api("hf-inference-providers", "Hugging Face", "huggingface.co", key="HF_TOKEN"),
    _api("meta", "Meta", "meta.ai"),
    _api("mistral", "Mistral AI", "mistral.ai"),
    _api("moonshot", "Moonshot AI", "moonshot.ai"),
    _api("openai", "OpenAI", "openai.com"),
    _api("openrouter", "OpenRouter", "openrouter.ai"),
    _api("perplexity", "Perplexity", "perplexity.ai", tools=False),
    _api("sambanova", "SambaNova", "sambanova.ai"),
    _api("together", "Together AI", "together.xyz", top_k="field"),
    # For tests.
    Provider("mockllm", HERE, in_process=True, top_k="body", min_p="body"),
    Provider("none", HERE, in_process=True, tools=False),
)  # fmt: skip
PROVIDERS = {provider.name: provider for provider in _TABLE}
# Behind a company's provider stands another's cloud: openai/azure/..., google/vertex/...
_CLOUDS = {"azure": "Azure AI", "bedrock": "Amazon Bedrock", "vertex": "Google Vertex AI"}


def provider_of(reference: str) -> Provider:
    """What is known of the provider of ``provider/model``; nothing of one that is not listed."""
    name = reference.partition("/")[0]
    return PROVIDERS.get(name, Provider(name))


def key_variable(reference: str) -> str:
    """Environment variable of the key of ``provider/model``.

    >>> key_variable("openai-api/my-server/llama"), key_variable("grok/grok-4")
    ('MY_SERVER_API_KEY', 'XAI_API_KEY')
    """
    provider = provider_of(reference)
    return _filled(provider.key or f"{_variable(provider.name)}_API_KEY", reference)


def runs_on(
    reference: str, base_url: str | None = None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """Where ``provider/model`` runs: ``HERE``, ``SERVER``, or the company whose API it is; null:
    not known. An address decides, if one is given by the suite or the environment.

    >>> runs_on("openai/gpt-4o", None, {}), runs_on("openai/x", "http://localhost:8000/v1", {})
    ('OpenAI', "the run's machine")
    """
    provider = provider_of(reference)
    if provider.runs_on is None or provider.in_process:
        return provider.runs_on
    parts = reference.split("/")
    is_api = provider.runs_on not in (HERE, SERVER)
    if is_api and len(parts) > 2 and parts[1] in _CLOUDS:
        return _CLOUDS[parts[1]]
    address = address_of(reference, base_url, environment)
    return provider.runs_on if address is None else _at(address)


def address_of(
    reference: str, base_url: str | None = None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """The address that is asked, if the suite (``base_url``) or the environment gives one; null:
    the provider's own.

    >>> address_of("vllm/m", None, {"VLLM_BASE_URL": "http://gpu:8000/v1"})
    'http://gpu:8000/v1'
    """
    named = (_filled(name, reference) for name in provider_of(reference).addresses)
    given = map(environment.get, (*named, SETS_ADDRESS))
    return base_url or next(filter(None, given), None)


def root_of(address: str) -> str:
    """Where a server tells of itself, beside its OpenAI-compatible API.

    >>> root_of("http://gpu:8000/v1/")
    'http://gpu:8000'
    """
    return address.rstrip("/").removesuffix("/v1")


def model_name(reference: str) -> str:
    """What the server calls the model of ``provider/model``.

    >>> model_name("vllm/org/m"), model_name("openai-api/mine/org/m")
    ('org/m', 'org/m')
    """
    provider, _, rest = reference.partition("/")
    return rest.partition("/")[2] if provider.startswith("openai-api") else rest


def _at(address: str) -> str | None:
    """Whose machine an address is."""
    try:
        host = (urlsplit(address if "//" in address else f"//{address}").hostname or "").lower()
    except ValueError:
        return None
    if host in ("localhost", "::1", "0.0.0.0") or host.startswith("127."):
        return HERE
    owners = (p.runs_on for p in _TABLE if p.domain and f".{host}".endswith(f".{p.domain}"))
    return next(owners, SERVER) if host else None


def _filled(variable: str, reference: str) -> str:
    service = reference.split("/")[1] if reference.count("/") else ""
    return variable.format(_variable(service))


def _variable(name: str) -> str:
    return name.upper().replace("-", "_")
