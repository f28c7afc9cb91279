"""The command serve."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated

import typer

from distilbench.cli._engine import SpinCount, engine_failures, engine_settings
from distilbench.cli._print import print_line
from distilbench.cli._sizes import memory_bytes
from distilbench.errors import InputError
from distilbench.source import Source

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def register(app: typer.Typer) -> None:
    app.command()(serve)


def serve(
    model: Annotated[str, typer.Argument(help="GGUF path, hf:owner/name/file, or pypi:name.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: one that is free.")] = 8080,
    slots: Annotated[int, typer.Option(min=1, help="Requests decoded together.")] = 4,
    context: Annotated[int, typer.Option(min=64, help="Tokens of context of a request.")] = 2048,
    threads: Annotated[int | None, typer.Option(min=1, help="Threads of the engine.")] = None,
    memory: Annotated[str, typer.Option(help="Most memory of the engine, as 2GiB.")] = "",
    cpus: Annotated[int | None, typer.Option(min=1, help="Cores that it may run on.")] = None,
    gpu: Annotated[int | None, typer.Option(min=0, help="Number of the GPU to use.")] = None,
    spin_count: SpinCount = None,
    api_key_env: Annotated[
        str, typer.Option(help="Variable with the key to ask for; not set: no key is asked for.")
    ] = "DISTILBENCH_API_KEY",
) -> None:
    """Serve a model with the embedded engine as an OpenAI-compatible server, until Ctrl-C."""
    from distilbench.engines import Listen, LlamaCpp, gpu_devices, locate_model

    key = os.environ.get(api_key_env, "")
    if not key and host not in _LOOPBACK:
        raise InputError(
            f"--host {host}", "would let anybody ask this model", f"set a key in {api_key_env}"
        )
    if gpu is not None and gpu >= len(gpu_devices()):  # llama.cpp would take the CPU, unasked
        remedy = "install xllamacpp's wheel for your GPU, or leave it out"
        raise InputError(f"--gpu {gpu}", f"llama.cpp sees {len(gpu_devices())} GPUs", remedy)
    settings = engine_settings(
        slots=slots,
        context=context,
        threads=threads,
        memory_bytes=memory_bytes(memory or None),
        cpus=cpus,
        gpu_index=gpu,
        spin_count=spin_count,
    )
    port = _free(host, port)
    file = locate_model(Source.parse(model), Path.cwd(), f"model {model!r}")
    engine = LlamaCpp(file, settings, Listen(host, port, key))
    try:
        with engine_failures(), engine:
            for line in _usage(_url(host, port), file.stem, key, engine.chat):
                print_line(line)
            engine.wait()
    except KeyboardInterrupt:
        print_line("stopped")


def _url(host: str, port: int) -> str:
    """Where it listens; an IPv6 address stands in brackets."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"


def _free(host: str, port: int) -> int:
    """The port, or a free one for 0; raises ``InputError`` if it is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise InputError(
                f"--host {host} --port {port}", f"cannot be listened on ({error.strerror})",
                "choose another port, or 0 for a free one",
            ) from error  # fmt: skip
        return int(probe.getsockname()[1])


def _usage(url: str, name: str, key: str, chat: bool) -> list[str]:
    said = [
        f"serving {name} at {url} (Ctrl-C stops it)",
        "in a suite:",
        f"  - source: inspect:openai-api/local/{name}",
        f"    base_url: {url}",
        "with LOCAL_API_KEY set to " + ("the key" if key else "any word: no key is asked for"),
    ]
    if not chat:
        said.append(
            "a base model: conversations are written out as few-shot text, as in a suite; give a"
            ' task whose own stop has no "\\n" the stop "\\nQuestion:" beside it'
        )
    return said
