"""An OpenAI-compatible server on loopback whose model calls tools: the temperature of two cities,
then the difference, with a usage of its own for each call."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

FIRST_S, LATER_S = 0.3, 0.05
"""Until the first call's and the later calls' first event."""


class Usage(NamedTuple):
    """Tokens of one call of the model: the conversation is read again each time."""

    read: int
    cached: int
    written: int


CALLS = (Usage(100, 0, 10), Usage(150, 96, 12), Usage(210, 144, 5))
JUDGED = Usage(1000, 0, 100)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        messages = body["messages"]
        if body.get("max_tokens") == 1:  # whether tools are taken, before the run
            return self._plain({"choices": []})
        texts = [m["content"] for m in messages if m["role"] == "user"]
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if "grade:" in texts[-1]:
            return self._say([{"content": "yes"}], "stop", JUDGED)
        cities = re.search(r"is (\w+) than (\w+)", json.dumps(texts[0]))
        assert cities is not None
        told = [
            re.findall(r"\d+", json.dumps(m["content"])) for m in messages if m["role"] == "tool"
        ]
        time.sleep(LATER_S if told else FIRST_S)
        names = [tool["function"]["name"] for tool in body.get("tools") or ()]
        usage = CALLS[len(told)]
        if len(told) < 2 and "temperature" in names:
            self._call("temperature", {"city": cities.group(len(told) + 1)}, usage)
        elif "submit" in names:
            self._call("submit", {"answer": str(int(told[0][0]) - int(told[1][0]))}, usage)
        elif told:
            text = f"{int(told[0][0]) - int(told[1][0])} degrees"
            self._say([{"content": part} for part in text], "stop", usage)
        else:
            self._say([{"content": "no idea"}], "stop", usage)

    def _plain(self, data: dict[str, Any]) -> None:
        text = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _call(self, name: str, arguments: dict[str, str], usage: Usage) -> None:
        text = json.dumps(arguments)
        head = {"index": 0, "id": f"call-{usage.read}", "type": "function"}
        first = {"tool_calls": [{**head, "function": {"name": name, "arguments": ""}}]}
        rest = [
            {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}
            for part in (text[:8], text[8:])
        ]
        self._say([first, *rest], "tool_calls", usage)

    def _say(self, deltas: list[dict[str, Any]], reason: str, usage: Usage) -> None:
        self._event({"role": "assistant", "content": ""})
        for delta in deltas:
            self._event(delta)
            time.sleep(0.01)
        self._event({}, reason)
        counted = {
            "prompt_tokens": usage.read,
            "completion_tokens": usage.written,
            "total_tokens": usage.read + usage.written,
            "prompt_tokens_details": {"cached_tokens": usage.cached},
        }
        self._chunk({"choices": [], "usage": counted})
        self._send("data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")

    def _event(self, delta: dict[str, Any], reason: str | None = None) -> None:
        self._chunk({"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]})

    def _chunk(self, data: dict[str, Any]) -> None:
        head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        self._send(f"data: {json.dumps(head | data)}\n\n")

    def _send(self, text: str) -> None:
        data = text.encode()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()


@contextmanager
def calling_tools() -> Iterator[str]:
    """The server's address, while it answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()
