"""The table of providers: whole, and cautious about what it does not know."""

from __future__ import annotations

import pytest

from distilbench.catalog import load_catalog
from distilbench.inspect_private import provider_names
from distilbench.providers import HERE, PROVIDERS, SERVER, key_variable, provider_of, runs_on
from distilbench.source import Source


def test_every_provider_of_inspect_is_in_it() -> None:
    names = provider_names() - {"planted"}  # test_tasks registers it, maybe in this very process
    assert len(names) > 30
    assert names <= set(PROVIDERS)
    assert set(PROVIDERS) - names == {"distilbench"}


def test_of_a_provider_that_is_not_listed_nothing_is_taken_for_granted() -> None:
    unknown = provider_of("somebody/new")
    assert (unknown.top_k, unknown.min_p, unknown.loads_weights) == (None, None, False)
    for address in (None, "http://localhost:1/v1", "https://api.openai.com/v1"):
        assert runs_on("somebody/new", address, {}) is None
        assert runs_on("litellm-proxy/openai/gpt-4o", address, {}) is None
    prices = [card.price_at(None) for card in load_catalog().cards.values()]
    assert not any(prices)


@pytest.mark.parametrize(
    ("reference", "base_url", "variables", "place"),
    [
        ("hf/org/m", None, {}, HERE),
        ("hf/org/m", "https://elsewhere.org/v1", {}, HERE),  # which it does not read
        ("vllm/org/m", None, {}, HERE),
        ("vllm/org/m", "http://127.0.0.1:8000/v1", {}, HERE),
        ("vllm/org/m", "http://10.0.0.7:8000/v1", {}, SERVER),
        ("vllm/org/m", None, {"VLLM_BASE_URL": "http://10.0.0.7:8000/v1"}, SERVER),
        ("ollama/llama3", None, {}, HERE),
        ("llama-cpp-python/m", None, {"LLAMA_CPP_PYTHON_BASE_URL": "http://gpu:1/v1"}, SERVER),
        ("openai-api/local/m", "http://localhost:8080/v1", {}, HERE),
        ("openai-api/local/m", None, {}, SERVER),
        ("openai-api/my-box/m", None, {"MY_BOX_BASE_URL": "http://[::1]:8080/v1"}, HERE),
        ("openai-api/x/deepseek-reasoner", "https://api.deepseek.com", {}, "DeepSeek"),
        ("openai-api/x/m", "https://notdeepseek.com", {}, SERVER),
        ("openai/gpt-4o", None, {}, "OpenAI"),
        ("openai/gpt-4o", "https://eu.api.openai.com/v1", {}, "OpenAI"),
        ("openai/gpt-4o", None, {"OPENAI_BASE_URL": "http://localhost:1/v1"}, HERE),
        ("openai/gpt-4o", None, {"INSPECT_EVAL_MODEL_BASE_URL": "http://x:1"}, SERVER),
        ("openai/azure/gpt-4o", None, {}, "Azure AI"),
        ("anthropic/bedrock/claude", None, {}, "Amazon Bedrock"),
        ("google/vertex/gemini", None, {}, "Google Vertex AI"),
        ("together/deepseek-ai/DeepSeek-R1", None, {}, "Together AI"),
        ("grok/grok-4", None, {"XAI_BASE_URL": "api.x.ai"}, "xAI"),
        ("openai/gpt-4o", "http://[bad", {}, None),
    ],
)
def test_the_address_decides_where_a_model_runs(
    reference: str, base_url: str | None, variables: dict[str, str], place: str | None
) -> None:
    assert runs_on(reference, base_url, variables) == place


def test_files_run_on_the_runs_machine_and_another_packages_engine_says_so_itself() -> None:
    for text in ("m.gguf", "hf:o/n/f.gguf", "pypi:gemma-3-270m"):
        assert Source.parse(text).runs_on() == HERE
    assert Source("echo", "m").runs_on() is None
    assert Source.parse("inspect:vllm/m").runs_on("http://gpu:8000") == SERVER


def test_each_price_on_a_card_is_of_a_company_in_the_table() -> None:
    """Else it could never be charged."""
    companies = {provider.runs_on for provider in PROVIDERS.values()} - {HERE, SERVER, None}
    priced = {p.provider for card in load_catalog().cards.values() for p in card.prices}
    assert priced
    assert priced <= companies


def test_keys_are_looked_up_where_the_provider_does() -> None:
    known = {name: key_variable(f"{name}/m") for name in PROVIDERS if PROVIDERS[name].key}
    assert known["hf"] == known["hf-inference-providers"] == "HF_TOKEN"
    assert known["grok"] == "XAI_API_KEY"
    assert known["openai-api"] == "M_API_KEY"
    assert key_variable("somebody-new/m") == "SOMEBODY_NEW_API_KEY"
