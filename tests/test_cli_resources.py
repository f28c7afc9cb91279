"""The commands on resources, as a user types them: fit, profiles, quantize, recommend."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from distilbench.engines import describe_model
from distilbench.errors import InputError
from distilbench.source import Source
from tests.test_cli import as_json, distilbench
from tests.test_report import make_run


def test_profiles_are_limits_with_their_sources() -> None:
    found = {device["name"]: device for device in as_json("profiles")}
    assert {
        "raspberry-pi-5-8gb",
        "phone-4gb",
        "laptop-8gb",
        "laptop-16gb",
        "gpu-24gb",
        "gpu-80gb",
    } == set(found)
    assert found["raspberry-pi-5-8gb"]["limits"] == {"memory": "7.5GiB", "cpus": 4}
    assert all(device["source"] and device["reserve"] for device in found.values())
    assert "does not imitate the speed" in distilbench("profiles").stdout


def test_fit_names_what_holds_a_model_and_what_does_not() -> None:
    asked = ("fit", "llama-3.1-8b", "--quantization", "Q4_K_M", "--profile", "laptop-8gb")
    (row,) = as_json(*asked, "--profile", "gpu-24gb", "--memory", "8GiB")
    assert row["fits"] == {"laptop-8gb": False, "gpu-24gb": True, "8GiB": True}
    parts = ("weights_bytes", "kv_cache_bytes", "compute_bytes", "process_bytes")
    assert row["total_bytes"] == sum(row[part] for part in parts)
    # 8.03e9 weights at 4.89 bits; 2 x 8 heads x 128 x 2 bytes x 32 layers x 2,048 tokens x 4 slots.
    assert 8.03e9 * 4.5 / 8 < row["weights_bytes"] < 8.03e9 * 5 / 8
    assert row["kv_cache_bytes"] == 2 * 8 * 128 * 2 * 32 * 2048 * 4
    assert row["known"] == "estimated"
    line = distilbench(*asked, "--profile", "gpu-24gb").stdout.splitlines()[1]
    assert line.split()[-2:] == ["gpu-24gb", "laptop-8gb"]


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
def test_a_hub_out_of_reach_is_one_sentence(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = pytest.importorskip(client).ConnectError("[Errno -3] no name resolution")
    hub = "huggingface_hub.HfFileSystem.open"

    def unreachable(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(hub, unreachable)
    with pytest.raises(InputError, match=r"could not be read .*no name resolution.*network"):
        describe_model(Source.parse("hf:owner/name/file.gguf"), Path(), "model")


def test_what_fit_and_quantize_do_not_know_is_one_sentence(tmp_path: Path) -> None:
    for words in (
        ("fit", "llama-3.1-8b", "--profile", "toaster"),
        ("fit", "llama-3.1-8b", "--memory", "much"),
        ("fit", "llama-3.1-8b", "--quantization", "Q9"),
        ("quantize", "none.gguf", "--to", "Q8_0"),
    ):
        done = distilbench(*words, cwd=tmp_path)
        assert done.returncode == 2, words
        assert done.stderr.startswith("error: "), words
        assert len(done.stderr.splitlines()) == 1, words


def test_recommend_names_the_best_under_limits(tmp_path: Path) -> None:
    """In the made run 'large' is right twice as often and takes 600 MiB, 'small' 300 MiB."""
    run = make_run(tmp_path)
    free = as_json("recommend", str(run))
    assert [c["entry"] for c in free["candidates"]] == ["large", "small"]
    assert free["candidates"][0]["probability_best"] > 0.95
    bound = distilbench("recommend", str(run), "--memory", "400MiB")
    assert bound.returncode == 0, bound.stderr
    assert bound.stdout.startswith("Take small")
    assert "peak memory 600 MiB > 400 MiB" in bound.stdout
    none = distilbench("recommend", str(run), "--min-accuracy", "0.99", "--json")
    assert none.returncode == 1
    assert json.loads(none.stdout)["candidates"] == []
    bad = distilbench("recommend", str(run), "--memory", "lots")
    assert bad.returncode == 2
    assert "300MiB" in bad.stderr
