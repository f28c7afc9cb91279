"""A real OpenAI-compatible server on loopback that fails as it is told to.

It answers ``What is A + B?`` and counts what it was asked. Faults are injected by the question's
first number: see ``FAULTS``. A fault strikes the first ``times`` requests of a question; then the
question is answered.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

RETRY_AFTER_S = 2
SLOW_GAP_S = 0.15
ALWAYS = 10**6
FAULTS = {
    1: ("rate limit", 1),
    2: ("internal error", 1),
    3: ("dropped stream", 1),
    5: ("malformed JSON", 1),
    6: ("always failing", ALWAYS),
    7: ("cut without a reason", 1),
    8: ("refused with an echo of the key", ALWAYS),
    9: ("answers with the key", ALWAYS),
    11: ("slow stream", ALWAYS),
}
"""By the first number of a question; others are answered at once."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: Counter[str] = Counter()
        self.times: dict[str, list[float]] = {}
        self.lock = threading.Lock()
        self.streamed: list[bool] = []
        self.keys: set[str] = set()
        self.burn_s = 0.0
        """Of a core for each answer, as if it computed."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def note(self, question: str, streamed: bool) -> int:
        """Which request of this question it is, from 1."""
        with self.lock:
            self.requests[question] += 1
            self.times.setdefault(question, []).append(time.monotonic())
            self.streamed.append(streamed)
            return self.requests[question]


@contextmanager
def serving() -> Iterator[Server]:
    server = Server()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path.endswith("/messages"):
            return self._anthropic(body)
        question = body["messages"][-1]["content"]
        first, second = map(int, re.findall(r"\d+", question)[-2:])
        count = self.server.note(question, bool(body.get("stream")))
        _burn(self.server.burn_s)
        fault, times = FAULTS.get(first, ("none", 0))
        fault = fault if count <= times else "none"
        key = self.headers["Authorization"]
        self.server.keys.add(key)
        if fault == "rate limit":
            self._fail(429, f"slow down, {key}", {"Retry-After": str(RETRY_AFTER_S)})
        elif fault in ("internal error", "always failing"):
            time.sleep(0.3)
            self._fail(500, f"trouble with {key}")
        elif fault == "refused with an echo of the key":
            self._fail(401, f"Incorrect API key provided: {key}")
        else:
            text = f"answer: {first + second}" + (f" {key}" if fault.startswith("answers") else "")
            self._stream(text, fault, f"{key} " if fault == "malformed JSON" else "")

    def _anthropic(self, body: dict[str, Any]) -> None:
        """Anthropic's stream: a thought, an answer, usage with cached tokens. The first request is
        told that the server is overloaded."""
        content = body["messages"][-1]["content"]
        question = content if isinstance(content, str) else content[-1]["text"]
        first, second = map(int, re.findall(r"\d+", question)[-2:])
        if self.server.note(question, bool(body.get("stream"))) == 1:
            return self._fail(529, "overloaded")
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        usage = {"input_tokens": 12, "cache_read_input_tokens": 8, "output_tokens": 1}
        message = {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": body["model"],
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        block = {"type": "text", "text": ""}
        self._named("message_start", message=message)
        self._named("content_block_start", index=0, content_block=block)
        for token in f"answer: {first + second}":
            time.sleep(0.02)
            self._named("content_block_delta", index=0, delta={"type": "text_delta", "text": token})
        self._named("content_block_stop", index=0)
        ended = {"stop_reason": "end_turn", "stop_sequence": None}
        self._named("message_delta", delta=ended, usage={"output_tokens": 11})
        self._named("message_stop")
        self.wfile.write(b"0\r\n\r\n")

    def _named(self, event: str, **data: Any) -> None:
        self._chunk(f"event: {event}\ndata: {json.dumps({'type': event, **data})}\n\n")

    def _fail(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        body = json.dumps({"error": {"message": message, "type": "server_error"}}).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, text: str, fault: str, garbage: str) -> None:
        """Each character is a token."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._event({"delta": {"role": "assistant", "content": ""}})
        time.sleep(0.1)  # prefill
        for number, token in enumerate(text):
            if fault == "slow stream":
                time.sleep(SLOW_GAP_S)
            if number == 4 and fault == "dropped stream":
                self.close_connection = True
                self.wfile.flush()
                self.connection.close()
                return
            if number == 4 and fault == "cut without a reason":
                self.wfile.write(b"0\r\n\r\n")
                return
            if number == 4 and fault == "malformed JSON":
                self._chunk(f'data: {{"id": "x", "choices": [{garbage}\n\n')
                self.wfile.write(b"0\r\n\r\n")
                return
            self._event({"delta": {"content": token}})
        self._event({"delta": {}, "finish_reason": "stop"})
        usage = {
            "prompt_tokens": 20,
            "completion_tokens": len(text),
            "total_tokens": 20 + len(text),
            "prompt_tokens_details": {"cached_tokens": 8},
            "completion_tokens_details": {"reasoning_tokens": 0},
        }
        self._chunk(f"data: {json.dumps(self._head() | {'choices': [], 'usage': usage})}\n\n")
        self._chunk("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _head(self) -> dict[str, Any]:
        return {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}

    def _event(self, choice: dict[str, Any]) -> None:
        choice = {"index": 0, "finish_reason": None, **choice}
        self._chunk(f"data: {json.dumps(self._head() | {'choices': [choice]})}\n\n")

    def _chunk(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


def _burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


@contextmanager
def serving_beside(burn_s: float) -> Iterator[tuple[str, int]]:
    """URL and process id of such a server in a process of its own."""
    command = [sys.executable, "-m", "tests.loopback_server", str(burn_s)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.pid
        finally:
            process.kill()


if __name__ == "__main__":
    made = Server()
    made.burn_s = float(sys.argv[1])
    print(made.url, flush=True)
    made.serve_forever()
