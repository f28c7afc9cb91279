"""Other providers of Inspect under the same meter: Anthropic's protocol, and transformers."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from distilbench.events import Event, ModelRefused
from distilbench.runner import run_suite
from tests.loopback_server import serving
from tests.test_served import parts_fit_in_the_whole, write_suite


def test_anthropics_stream_has_the_same_meter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "planted-anthropic-1")
    with serving() as server:
        suite = write_suite(tmp_path, server.url.removesuffix("/v1"), range(20, 22))
        text = suite.read_text().replace("openai-api/faulty/m", "anthropic/claude-3-haiku-20240307")
        suite.write_text(text)
        result = run_suite(suite, tmp_path / "runs")
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    assert samples["score"].to_list() == [1.0, 1.0]
    assert samples["retries"].to_list() == [1, 1]  # not the client's own two retries on top
    assert server.requests.total() == 4
    counted = samples.select("input_tokens", "cached_tokens", "output_tokens").row(0)
    assert counted == (20, 8, 11)
    assert (samples["ttft_s"] + samples["decode_s"] <= samples["total_s"]).all()
    assert samples["decode_s"].max() > 0.1  # the first may come in one go: the client warms up
    parts_fit_in_the_whole(result.run_dir, samples)


def test_a_served_model_that_does_not_load_is_a_result_and_is_tried_again(tmp_path: Path) -> None:
    """vLLM is not installed here. Providers that load a model are not checked before the run."""
    suite = write_suite(tmp_path, "unused", range(20, 22))
    suite.write_text(
        suite.read_text()
        .replace('base_url: "unused", ', "")
        .replace("openai-api/faulty/m", "vllm/no-such-model")
    )
    for _ in range(2):
        events: list[Event] = []
        result = run_suite(suite, tmp_path / "runs", events.append)
        assert result.complete
        assert not result.failed
        (told,) = [event.error for event in events if isinstance(event, ModelRefused)]
        assert "vllm" in told
        samples = pl.read_parquet(result.run_dir / "samples.parquet")
        assert samples["outcome"].to_list() == ["error", "error"]
        assert set(samples["error"]) == {told}
        assert samples["total_s"].null_count() == 2


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A Llama of two small layers with random weights, and a tokenizer of characters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    characters = ["<pad>", "<s>", "</s>", *map(chr, range(32, 127)), "\n"]
    vocabulary = {token: index for index, token in enumerate(characters)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>"
    )
    fast.chat_template = "{% for m in messages %}{{ m.content }}\n{% endfor %}"
    folder = tmp_path / "tiny"
    fast.save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(characters), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
        num_attention_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=1,
        eos_token_id=2,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.model
def test_transformers_give_tokens_and_time_and_no_time_to_first_token(
    tmp_path: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Inspect's provider asks the hub for the name too: without a network, again and again.
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    rows = [{"question": f"What is {a} + 1?", "answer": str(a + 1)} for a in range(2)]
    (tmp_path / "sums.jsonl").write_text("\n".join(map(json.dumps, rows)))
    suite = tmp_path / "tiny.yaml"
    suite.write_text(f"""
models: [{{source: inspect:hf/tiny, args: {{model_path: "{tiny}", device: cpu}}}}]
tasks: [{{file: sums.jsonl, max_tokens: 8}}]
profiles: [{{slots: 2}}]
""")
    result = run_suite(suite, tmp_path / "runs")
    samples = pl.read_parquet(result.run_dir / "samples.parquet")
    assert result.complete
    assert set(samples["outcome"]) <= {"stop", "length"}
    assert samples["output_tokens"].is_between(1, 8).all()
    assert (samples["input_tokens"] == len("What is 0 + 1?\n")).all()
    assert (samples["total_s"] > 0).all()
    assert samples["ttft_s"].null_count() == 2
    clock = pl.read_parquet(result.run_dir / "cells.parquet")["clock"].item()
    assert "did not stream" in clock
