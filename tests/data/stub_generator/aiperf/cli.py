"""Real requests at a constant concurrency, written as AIPerf writes them."""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

_OPTIONS = (
    "model", "url", "endpoint-type", "custom-dataset-type", "tokenizer", "ui",
    "connection-reuse-strategy",
)  # fmt: skip


# Of one GPU, as AIPerf 0.13 writes it.
TELEMETRY = {
    "telemetry_data": {
        "summary": {"endpoints_successful": ["pynvml://localhost"]},
        "endpoints": {
            "localhost": {
                "gpus": {
                    "gpu_0": {
                        "gpu_index": 0,
                        "gpu_name": "NVIDIA H100 80GB HBM3",
                        "gpu_uuid": "GPU-afc3c15a",
                        "platform": "nvidia",
                        "metrics": {
                            "nvidia_power_usage": {"avg": 348.5, "max": 386.0, "unit": "W"},
                            "nvidia_energy_consumption": {"avg": 0.0165, "unit": "MJ"},
                            "nvidia_gpu_utilization": {"avg": 45.0, "max": 66.0, "unit": "%"},
                            "nvidia_memory_used": {"avg": 92.0, "max": 92.5, "unit": "GB"},
                        },
                    }
                }
            }
        },
    }
}


def app() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["profile"])
    for name in _OPTIONS:
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--api-key", required=True)
    parser.add_argument("--streaming", action="store_true")
    parser.add_argument("--use-server-token-count", action="store_true")
    for name in ("concurrency", "request-count", "warmup-request-count"):
        parser.add_argument(f"--{name}", type=int, required=True)
    parser.add_argument("--input-file", type=Path, required=True)
    parser.add_argument("--artifact-dir", type=Path, required=True)
    parser.add_argument("--gpu-telemetry", nargs="*", default=[])
    parser.add_argument("--extra-inputs", action="append", default=[])
    options = parser.parse_args()
    texts = [json.loads(line)["text"] for line in options.input_file.read_text().splitlines()]
    warm = options.warmup_request_count
    assert len(texts) == warm + options.request_count
    with ThreadPoolExecutor(options.concurrency) as users:
        warming = list(users.map(lambda text: ask(text, options, "warmup"), texts[:warm]))
        measured = list(users.map(lambda text: ask(text, options, "profiling"), texts[warm:]))
    lines = [json.dumps(request) + "\n" for request in warming + measured]
    (options.artifact_dir / "profile_export.jsonl").write_text("".join(lines))
    if options.gpu_telemetry:
        (options.artifact_dir / "profile_export_aiperf.json").write_text(json.dumps(TELEMETRY))


def ask(text: str, options: argparse.Namespace, phase: str) -> dict[str, Any]:
    chat = options.endpoint_type == "chat"
    asked = {"messages": [{"role": "user", "content": text}]} if chat else {"prompt": text}
    extra = {key: json.loads(value) for key, _, value in map(split, options.extra_inputs)}
    usage = {"stream": True, "stream_options": {"include_usage": True}}
    path = "/v1/chat/completions" if chat else "/v1/completions"
    begun, arrived, last = time.time_ns(), [], {}
    headers = {"Authorization": f"Bearer {options.api_key}"}
    body = {"model": options.model, **asked, **usage, **extra}
    with httpx.stream("POST", options.url + path, json=body, headers=headers, timeout=60) as reply:
        failed = reply.status_code != 200
        for line in reply.iter_lines():
            if line.startswith("data: {"):
                arrived.append(time.time_ns())
                last = json.loads(line[6:])
    ended = time.time_ns()
    about = {"request_start_ns": begun, "request_end_ns": ended, "benchmark_phase": phase}
    metadata = {**about, "was_cancelled": False}
    if failed:
        return {"metadata": metadata, "metrics": {}, "error": {"code": reply.status_code}}
    tokens = last["usage"]["completion_tokens"]
    metrics = {
        "request_latency": (ended - begun) / 1e6,
        "input_sequence_length": last["usage"]["prompt_tokens"],
        "output_sequence_length": tokens,
        "time_to_first_token": (arrived[0] - begun) / 1e6,
        "inter_token_latency": (ended - arrived[0]) / 1e6 / max(1, tokens - 1),
    }
    return {"metadata": metadata, "metrics": {k: {"value": v} for k, v in metrics.items()}}


def split(pair: str) -> tuple[str, str, str]:
    return pair.partition(":")
