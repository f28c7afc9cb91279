"""A program with llama-server's flags and routes that answers ``What is A + B?``, for tests of what
stands around it. As a script it behaves as the file beside it that ends in ``.how`` says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HELP = """
-h,    --help                     print usage and exit
--version                         show version and build info
-t,    --threads N                number of threads
-tb,   --threads-batch N          threads of prompt processing
-c,    --ctx-size N               size of the prompt context
-np,   --parallel N               number of slots
-ngl,  --gpu-layers, --n-gpu-layers N
-fa,   --flash-attn [on|off|auto]
--jinja, --no-jinja               template engine
--no-mmap                         do not memory-map
-m,    --model FNAME
-md,   --model-draft FNAME
--lora FNAME
--host HOST
--port PORT
--api-key KEY
--slot-save-path PATH
--threads-http N
--no-webui
"""
SYSTEM_INFO = "system_info: n_threads = 2 / 2 | CPU : SSE3 = 1 | AVX2 = 1 | CUDA : ARCHS = 800 | "
VERSION = "version: 6789 (abcdef)\nbuilt with cc (Debian) 12.2 for x86_64-linux-gnu"


def written(path: Path, how: str = "") -> Path:
    """The program at ``path``; ``how``: words that say what is wrong with it."""
    path.write_text(f"#!{sys.executable}\n" + Path(__file__).read_text("utf-8"))
    path.with_suffix(".how").write_text(how)
    path.chmod(0o755)
    return path


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path == "/health":
            return self._reply({"status": "ok"})
        told = dict(zip(sys.argv[1::1], sys.argv[2::1], strict=False))
        slots = int(told["--parallel"])
        context = int(told["--ctx-size"]) // slots // (2 if "short" in HOW else 1)
        if self._knows_key():
            settings = {"n_ctx": context}
            self._reply({"total_slots": slots, "default_generation_settings": settings})

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if not self._knows_key():
            return
        if self.path == "/apply-template":
            return self._reply({"prompt": asked["messages"][-1]["content"]})
        if self.path == "/tokenize":
            return self._reply({"tokens": [ord(c) for c in asked["content"]]})
        if self.path != "/completion":
            return self._reply({})
        numbers = re.findall(r"\d+", asked["prompt"])[-2:]
        if "dies at 13" in HOW and "13" in numbers:
            os._exit(3)
        text = f"answer: {sum(map(int, numbers))}"
        until = time.process_time() + 0.05
        while time.process_time() < until:
            pass
        clock = {"prompt_n": 5, "cache_n": 2, "predicted_n": 4, "prompt_ms": 10.0,
                 "predicted_ms": 40.0}  # fmt: skip
        said = {"content": text, "timings": clock, "stop_type": "eos", "truncated": False}
        self._reply({**said, "tokens": [1, 2, 3, 4]})

    def _knows_key(self) -> bool:
        known = self.headers["Authorization"] == f"Bearer {os.environ['LLAMA_API_KEY']}"
        if not known:
            self.send_error(401)
        return known

    def _reply(self, said: dict[str, Any]) -> None:
        body = json.dumps(said).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main() -> None:
    if "--help" in sys.argv:
        print("-m, --model FNAME" if "other program" in HOW else HELP)
    elif "--version" in sys.argv:
        print(VERSION, file=sys.stderr)
    elif "--list-devices" in sys.argv:
        print("Available devices:\n  CUDA0: NVIDIA Test (24125 MiB, 23821 MiB free)")
    elif "/no/model.gguf" in sys.argv:
        print("0.00 I cmn common_param: " + SYSTEM_INFO, file=sys.stderr)
        sys.exit(1)
    elif HOW == "dies":
        print("llama_model_load: error loading model: unknown architecture", file=sys.stderr)
        sys.exit(1)
    elif "deaf" in HOW:
        time.sleep(60)
    elif "child" in HOW and "--as-child" not in sys.argv:
        subprocess.run([sys.executable, *sys.argv, "--as-child"], check=False)
    else:
        port = int(sys.argv[sys.argv.index("--port") + 1])
        ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


if __name__ == "__main__":
    HOW = Path(sys.argv[0]).with_suffix(".how").read_text("utf-8")
    main()
