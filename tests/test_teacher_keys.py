"""What a cached answer of a teacher hangs on: its content, its template, its server; and that no
two answers share their draws."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from distilbench.distill.data import Asked
from distilbench.distill.teacher import Sampling, TransformersGenerator
from distilbench.distill.teacher._generators import _seed
from distilbench.distill.teacher._served import served_digest
from distilbench.distill.weights import load
from distilbench.source import Source
from distilbench.tasks import Question
from tests.tiny_models import tiny_llama, tiny_tokenizer

SAMPLING = Sampling(max_tokens=6, stop=(), temperature=1.0, top_p=None, seed=0)


def asked(text: str) -> Asked:
    question = Question(id=text, text=text, worked="2", target="2", cluster="1")
    return Asked(question, ({"role": "user", "content": text},), "2")


def saved(folder: Path) -> Path:
    tokenizer = tiny_tokenizer()
    tiny_llama(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def key(folder: Path) -> str:
    return TransformersGenerator(load(Source.at(folder), Path(), "t"), SAMPLING).digest


def edited(file: Path, **fields: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_the_key_holds_weights_settings_tokenizer_and_template(tmp_path: Path) -> None:
    keys = [key(saved(tmp_path / "plain")), key(saved(tmp_path / "elsewhere"))]
    assert keys[0] == keys[1]  # where it lies is not what it is
    edited(saved(tmp_path / "template") / "tokenizer_config.json", chat_template="{{ messages }}")
    config = json.loads((saved(tmp_path / "rope") / "config.json").read_text())
    rope = {"rope_theta": 5.0, "rope_type": "default"}
    edited(tmp_path / "rope" / "config.json", **{**config, "rope_parameters": rope})
    edited(saved(tmp_path / "ends") / "generation_config.json", eos_token_id=[0, 7])
    tokenizer = json.loads((saved(tmp_path / "digits") / "tokenizer.json").read_text())
    whole = {**tokenizer, "pre_tokenizer": tokenizer["pre_tokenizer"]["pretokenizers"][1]}
    (tmp_path / "digits" / "tokenizer.json").write_text(json.dumps(whole))
    keys = [keys[0], *(key(tmp_path / name) for name in ("template", "rope", "ends", "digits"))]
    assert len(set(keys)) == 5


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """A server as vLLM answers for itself; what it says can be changed."""
    says: dict[str, Any] = {
        "/v1/models": {"data": [{"id": "m", "root": "/models/a", "created": 1}]},
        "/version": {"version": "0.10.1"},
    }

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = says.get(self.path)
            if self.path == "/v1/models":
                said["data"][0]["created"] += 1  # as vLLM's is: the time of the question
            self.send_response(200 if said else 404)
            self.end_headers()
            self.wfile.write(json.dumps(said).encode())

        def log_message(self, *_: object) -> None: ...

    made = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=made.serve_forever, daemon=True).start()
    monkeypatch.setenv("VLLM_BASE_URL", f"http://127.0.0.1:{made.server_port}/v1")
    yield says
    made.shutdown()
    made.server_close()


def test_a_server_with_another_model_or_version_is_another_teacher(server: dict[str, Any]) -> None:
    source = Source.parse("inspect:vllm/m")

    def now() -> str:
        return served_digest(source, "vllm/m")

    first = now()
    assert now() == first
    server["/v1/models"]["data"][0]["root"] = "/models/b"
    second = now()
    server["/version"] = {"version": "0.11.0"}
    assert len({first, second, now()}) == 3


def test_a_local_model_behind_a_name_is_its_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text("{}")
    reference = f"vllm/{tmp_path / 'm'}"
    first = served_digest(Source.parse(f"inspect:{reference}"), reference)
    (tmp_path / "m" / "config.json").write_text('{"a": 1}')
    assert served_digest(Source.parse(f"inspect:{reference}"), reference) != first


def test_no_two_answers_share_their_draws() -> None:
    seeds = {_seed(SAMPLING, asked(q), n) for q in ("1+1", "1+2", "1+3") for n in range(4)}
    assert len(seeds) == 12
    assert all(0 <= seed < 2**31 for seed in seeds)
    other = Sampling(6, (), 1.0, None, seed=1)
    assert _seed(other, asked("1+1"), 0) not in seeds
    assert _seed(SAMPLING, asked("1+1"), 0) == _seed(SAMPLING, asked("1+1"), 0)


def test_batches_draw_apart_and_leave_the_random_state_alone(tmp_path: Path) -> None:
    """A batch of one prompt four times, as samples 0 to 3, and then as 4 to 7."""
    import torch

    model = load(Source.at(saved(tmp_path / "m")), Path(), "t")
    generator = TransformersGenerator(model, SAMPLING)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = [a.text for a in generator.answer([(asked("1+1"), n) for n in range(4)])]
    second = [a.text for a in generator.answer([(asked("1+1"), n) for n in range(4, 8)])]
    assert first != second
    assert torch.equal(torch.rand(3), expected)
    again = TransformersGenerator(model, SAMPLING)
    assert [a.text for a in again.answer([(asked("1+1"), n) for n in range(4)])] == first
