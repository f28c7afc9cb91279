"""Servers that give their model no tools are told before an agent's task runs: by what they say of
it, as llama-server, Ollama, vLLM and SGLang do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from distilbench.engines import check_server_tools
from distilbench.engines._server_tools import refusal
from distilbench.errors import InputError
from distilbench.source import Source

MODEL = "openai-api/lab/org/m"
KEY = "sk-lab-0123456789abcdef"
Says = dict[str, tuple[int, Any]]
DONE: Says = {"/v1/chat/completions": (200, {"choices": []})}
CAPS = {"supports_tools": False, "supports_tool_calls": False, "supports_system_role": True}
VLLM = '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'


@contextmanager
def saying(says: Says) -> Iterator[tuple[str, list[tuple[str, Any, str | None]]]]:
    """A server that has an answer to some paths, and what it was asked."""
    asked: list[tuple[str, Any, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else None
            asked.append((self.path, body, self.headers.get("Authorization")))
            status, told = says.get(self.path, (404, {"error": "no such path"}))
            text = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("says", "problem", "remedy"),
    [
        ({"/props": (200, {"chat_template": "{{ x }}", "chat_template_caps": CAPS}), **DONE},
         "llama-server leaves tools out, without a word", "--chat-template-file"),
        ({"/api/show": (200, {"capabilities": ["completion"]}), **DONE},
         "Ollama says that 'org/m' takes none", "ollama show"),
        ({"/v1/chat/completions": (400, {"error": {"message": VLLM}})},
         "refuses them", "--enable-auto-tool-choice"),
        ({"/v1/chat/completions":
          (400, {"error": {"message": "registry.ollama.ai/library/m does not support tools"}})},
         "refuses them", "ollama show"),
        ({"/v1/chat/completions": (500, {"error": {"message": "tools param requires --jinja"}})},
         "refuses them", "start llama-server with --jinja"),
    ],
)  # fmt: skip
def test_a_server_that_gives_no_tools_is_refused(
    says: Says, problem: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_API_KEY", KEY)
    source = Source.parse(f"inspect:{MODEL}")
    with saying(says) as (url, asked), pytest.raises(InputError) as told:
        check_server_tools(("bash",), "t", "mine", source, url)
    assert str(told.value).startswith("task 't' on model 'mine': gives its model tools to call")
    assert problem in told.value.problem
    assert remedy in told.value.remedy
    assert KEY not in str(told.value)
    assert {key for _, _, key in asked} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    "says",
    [
        DONE,
        {"/props": (200, {"chat_template_caps": {**CAPS, "supports_tools": True}}), **DONE},
        {"/props": (200, {"chat_template_caps": CAPS, "chat_template_tool_use": "{}"}), **DONE},
        {"/props": (200, {"chat_template": "an older server does not tell"}), **DONE},
        {"/props": (200, ["no object"]), "/api/show": (200, {"capabilities": ["tools"]}), **DONE},
        {"/v1/chat/completions": (400, {"error": {"message": "the model is loading"}})},
        {"/v1/chat/completions": (401, {"error": {"message": "who are you?"}})},
        {},
    ],
)
def test_a_server_that_takes_tools_or_does_not_tell_is_left_to_the_run(says: Says) -> None:
    with saying(says) as (url, asked):
        assert refusal(MODEL, url) is None
    path, body, _ = asked[-1]
    assert path == "/v1/chat/completions"
    assert (body["model"], body["max_tokens"], len(body["tools"])) == ("org/m", 1, 1)


def test_no_company_is_asked_and_no_address_that_does_not_answer_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("OPENAI_BASE_URL", "VLLM_BASE_URL", "INSPECT_EVAL_MODEL_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    assert refusal("openai/gpt-4o", None) is None
    assert refusal("vllm/m", None) is None  # its server is started by the run
    assert refusal("hf/m", None) is None
    assert refusal(MODEL, "http://127.0.0.1:9/v1") is None
