"""A tiny model behind HTTP that answers as vLLM, SGLang and llama-server do, on loopback."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.tiny_models import tiny_llama, tiny_tokenizer

SECRET = "sk-secret-of-a-test"


class Served:
    """A tiny model behind HTTP. ``changed`` may spoil an answer before it is sent."""

    def __init__(self) -> None:
        self.tokenizer = tiny_tokenizer()
        self.model = tiny_llama(self.tokenizer)
        self.kind, self.asked, self.keys = "vllm", [], []  # type: ignore[var-annotated]
        self.changed: Callable[[Any], Any] = lambda answer: answer
        self.status = 200

    def best(self, ids: list[int], k: int) -> list[list[tuple[int, float]]]:
        """Of each position what comes next: the k best, and the token itself where it is none."""
        import torch

        with torch.inference_mode():
            told = torch.log_softmax(self.model(torch.tensor([ids])).logits[0].float(), -1)
        made = []
        for row, token in zip(told[:-1], ids[1:], strict=True):
            best = row.topk(k)
            found = dict(zip(best.indices.tolist(), best.values.tolist(), strict=True))
            made.append(list({**found, token: float(row[token])}.items()))
        return made

    def text(self, token: int) -> str:
        return str(self.tokenizer.decode([token]))

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        self.asked.append((path, body))
        return {
            "/v1/completions": self.vllm, "/generate": self.sglang, "/completion": self.llama,
        }[path](body)  # fmt: skip

    def vllm(self, body: dict[str, Any]) -> Any:
        told = [
            {
                str(t): {"logprob": lp, "rank": n + 1, "decoded_token": self.text(t)}
                for n, (t, lp) in enumerate(entries)
            }
            for entries in self.best(body["prompt"], body["prompt_logprobs"])
        ]
        return {"choices": [{"text": "x", "prompt_logprobs": [None, *told]}]}

    def sglang(self, body: dict[str, Any]) -> Any:
        ids, k = body["input_ids"], body["top_logprobs_num"]
        told = [[[lp, t, self.text(t)] for t, lp in entries[:k]] for entries in self.best(ids, k)]
        every = self.best(ids, k)
        own = [[None, ids[0], None]]
        own += [[dict(e)[t], t, None] for t, e in zip(ids[1:], every, strict=True)]
        return {"meta_info": {"input_token_logprobs": own, "input_top_logprobs": [None, *told]}}

    def llama(self, body: dict[str, Any]) -> Any:
        """An end token in a grammar is an error of llama.cpp's; behind it one is all there is."""
        said = body["grammar"].removeprefix("root ::= ").strip('"').split()
        behind = [int(token.strip("<>[]")) for token in said]
        assert 0 not in behind
        behind += [0] * (body["n_predict"] - len(behind))
        ids, k = [*body["prompt"], *behind], body["n_probs"]
        told = self.best(ids, k)[len(body["prompt"]) - 1 :]
        return {
            "completion_probabilities": [
                {
                    "id": token,
                    "logprob": dict(entries)[token],
                    "top_logprobs": [
                        {"id": t, "token": self.text(t), "bytes": [], "logprob": lp}
                        for t, lp in entries[:k]
                    ],
                }
                for token, entries in zip(behind, told, strict=True)
            ]
        }


_TELLS = {
    "vllm": {"/v1/models": {"data": [{"id": "m"}]}, "/version": {"version": "0.11"}},
    "sglang": {"/get_model_info": {"model_path": "m"}},
    "llama": {"/props": {"model_path": "m.gguf"}, "/v1/models": {"data": [{"id": "m"}]}},
}


@contextmanager
def behind_http() -> Iterator[tuple[Served, int]]:
    """The model, and the port that it answers at."""
    served = Served()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.say(_TELLS[served.kind].get(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            served.keys.append(self.headers["Authorization"])
            if served.status != 200:
                self.say({"error": {"message": f"no: {SECRET}"}}, served.status)
            else:
                self.say(served.changed(served.answer(self.path, body)))

        def say(self, said: Any, status: int = 200) -> None:
            self.send_response(status if said is not None else 404)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None: ...

    made = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    yield served, made.server_port
    made.shutdown()
    made.server_close()
