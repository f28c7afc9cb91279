"""A teacher's log-probabilities from servers that answer as vLLM, SGLang and llama-server do, held
against the same model in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from distilbench.catalog import load_catalog
from distilbench.compute import scope_costs
from distilbench.distill import make_student
from distilbench.distill.accounts import StageRecord, TeacherSize
from distilbench.distill.data import Example
from distilbench.distill.recipe import Distillation
from distilbench.distill.teacher import LocalScorer
from distilbench.distill.teacher._server_logits import ServerScorer, _same
from distilbench.distill.weights import export_gguf
from distilbench.distill.weights._models import Loaded
from distilbench.errors import InputError
from distilbench.source import Source
from tests.teacher_server import SECRET, Served, behind_http
from tests.test_distill import TASK
from tests.tiny_models import tiny_tokenizer

torch = pytest.importorskip("torch")
EXAMPLES = [
    Example((60, 61, 62), (70, 71, 0)),
    Example((), (80, 0, 82, 83)),
    Example((60,), (70, 71, 72), (True, False, True)),  # a chat, of which not all is learnt
]
K = 6


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[Served, int]]:
    with behind_http() as made:
        yield made


@pytest.fixture
def served(server: tuple[Served, int], monkeypatch: pytest.MonkeyPatch) -> Served:
    served, port = server
    monkeypatch.setenv("VLLM_BASE_URL", f"http://127.0.0.1:{port}/v1")
    monkeypatch.setenv("VLLM_API_KEY", SECRET)
    served.kind, served.status, served.changed = "vllm", 200, lambda answer: answer
    served.asked.clear()
    return served


def scorer(tokenizer: Any, k: int = K, size: TeacherSize | None = None) -> ServerScorer:
    source = Source.parse("inspect:vllm/m")
    return ServerScorer(source, tokenizer, k, size or TeacherSize(), 2, "recipe 'r': teacher")


def scored(served: Served, **more: Any) -> Any:
    asked = scorer(served.tokenizer, **more)
    record = StageRecord("s", "logit_caching", 0)
    try:
        return asked.score(EXAMPLES, record), record, asked
    finally:
        asked.close()


@pytest.mark.parametrize("kind", ["vllm", "sglang", "llama"])
def test_a_server_tells_what_the_model_here_does(served: Served, kind: str) -> None:
    served.kind = kind
    found, record, asked = scored(served)
    local = LocalScorer(Loaded(served.model, served.tokenizer, "d"), Distillation(top_k=K))
    expected = local.score(EXAMPLES, StageRecord("s", "logit_caching", 0))
    for one, other in zip(found, expected, strict=True):
        assert one.best.tokens.shape == other.best.tokens.shape
        assert (one.best.tokens == other.best.tokens).all()
        assert one.best.logprobs == pytest.approx(other.best.logprobs, abs=1e-5)
        assert one.best.rest == pytest.approx(other.best.rest, abs=1e-5)
        assert (one.flops, one.flops_formula) == (None, None)  # its size is not known
    ids = torch.tensor([EXAMPLES[0].ids])
    with torch.inference_mode():
        true = torch.log_softmax(served.model(ids).logits[0, 2:5].float(), -1)
    own = true.gather(-1, ids[0, 3:, None])[:, 0].numpy()
    assert found[0].own == pytest.approx(own, abs=1e-5)
    assert (record.tokens, record.samples, record.flops_formula) == (14, 3, None)
    assert asked.rows == len(served.tokenizer)
    assert set(served.keys) == {f"Bearer {SECRET}"}


def test_flops_are_by_what_is_stated(served: Served) -> None:
    found, record, _ = scored(served, size=TeacherSize(parameters=1e9))
    assert [one.flops_formula for one in found] == [12e9, 8e9, 8e9]  # 2 N for each of 6, 4 and 4
    assert record.flops_formula == 28e9
    assert record.flops_counted is None


def test_the_key_hangs_on_the_server_and_on_the_vocabulary(served: Served) -> None:
    first = scorer(served.tokenizer).digest
    wider = tiny_tokenizer()
    wider.add_tokens(["<more>"])
    assert len({first, scorer(wider).digest}) == 2
    assert scorer(served.tokenizer).digest == first


def _fewer(answer: Any) -> Any:
    for entries in answer["choices"][0]["prompt_logprobs"][1:]:
        for token in list(entries)[3:5]:
            del entries[token]
    return answer


def _renamed(answer: Any) -> Any:
    for entries in answer["choices"][0]["prompt_logprobs"][1:]:
        next(iter(entries.values()))["decoded_token"] = "zebra"
    return answer


def _as_logits(answer: Any) -> Any:
    for entries in answer["choices"][0]["prompt_logprobs"][1:]:
        for entry in entries.values():
            entry["logprob"] += 9
    return answer


def _shifted(answer: Any) -> Any:
    told = answer["choices"][0]["prompt_logprobs"]
    told[1:] = [told[-1], *told[1:-1]]
    return answer


def _beyond(answer: Any) -> Any:
    told = answer["choices"][0]["prompt_logprobs"]
    told[1]["9999"] = {"logprob": -0.001, "rank": 1, "decoded_token": "x"}
    return answer


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (_fewer, r"told \d tokens of a position, of 6 asked for.*--max-logprobs 6"),
        (_renamed, r"calls token \d+ 'zebra', and the student's tokenizer"),
        (_as_logits, r"tells no log-probabilities.*raw_logprobs"),
        (_shifted, r"tells nothing of token \d+, which it was asked about"),
        (_beyond, r"names token 9999, and the student's tokenizer has"),
        (lambda a: {"choices": [{"text": "x", "logprobs": {"tokens": []}}]}, "by token id"),
        (lambda a: {"choices": [{"prompt_logprobs": [None]}]}, "about 1 tokens, and"),
        (lambda a: {"choices": []}, "another form"),
        (lambda a: [1], "another form"),
    ],
)
def test_what_cannot_be_taken_as_it_is_is_refused(
    served: Served, changed: Callable[[Any], Any], said: str
) -> None:
    served.changed = changed
    with pytest.raises(InputError, match=said):
        scored(served)


def test_a_server_that_refuses_is_one_sentence_without_the_key(served: Served) -> None:
    served.status = 400
    with pytest.raises(InputError, match="refuses to tell the 6 best tokens") as refusal:
        scored(served)
    assert SECRET not in str(refusal.value)
    served.status = 503
    with pytest.raises(InputError, match=r"gave no answer.*what was answered is kept"):
        scored(served)
    assert len(served.asked) == 0


def test_a_company_is_not_asked(served: Served) -> None:
    source = Source.parse("inspect:openai/gpt-4o")
    with pytest.raises(InputError, match=r"OpenAI tells no log-probabilities of given texts"):
        ServerScorer(source, served.tokenizer, K, TeacherSize(), 2, "teacher")


def test_what_a_sharp_server_leaves_out_is_never_nothing(served: Served) -> None:
    """Its numbers sum to 1 in float32: the rest is small, not absent (a vocabulary has more)."""

    def sharp(answer: Any) -> Any:
        for entries in answer["choices"][0]["prompt_logprobs"][1:]:
            for n, entry in enumerate(entries.values()):
                entry["logprob"] = 0.0 if n == 0 else -18.0 - n
        return answer

    served.changed = sharp
    found, _, _ = scored(served)
    assert np.isfinite(found[0].best.rest).all()
    assert (found[0].best.rest < np.log(1e-7)).all()


def test_token_texts_of_other_kinds_of_tokenizer() -> None:
    assert _same(" step", "step", "\u2581step")  # SentencePiece's space
    assert _same("<0x0A>", "\n", "<0x0A>")
    assert _same("\ufffd", "\ufffd", "\u00e2\u0122")  # part of a character
    assert not _same("stop", "step", "step")
    assert not _same("zebra", "\n", "\u010a")


def _recipe(folder: Path, method: str, distillation: dict[str, Any]) -> dict[str, Any]:
    return {
        "method": method,
        "teacher": {"source": "inspect:vllm/m"},
        "tokenizer": str(folder / "tokenizer"),
        "student": {"new": {"layers": 1, "hidden": 16, "heads": 2, "ffn": 16, "context": 160}},
        "data": {"task": TASK, "questions": 4},
        "held_out": {"questions": 2, "accuracy": False},
        "distillation": distillation,
        "training": {"max_steps": 1, "batch_size": 4, "max_length": 128},
    }


def test_a_student_of_a_served_teacher_from_recipe_to_card(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the teacher cost is not known: the scopes that hold it say at least so much. Then its
    parameters are stated, and nothing is asked again."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    served.tokenizer.save_pretrained(tmp_path / "tokenizer")
    recipe = _recipe(tmp_path, "logit", {"top_k": K})
    teacher: dict[str, Any] = recipe["teacher"]
    costs = {}
    for name, stated in (("unknown", {}), ("stated", {"parameters": 1e6})):
        teacher |= stated
        made = make_student({**recipe, "name": name}, tmp_path / "out")
        catalog = load_catalog([made.card_file])
        card = catalog.card(name)
        assert card.lineage.recipe is not None
        stage = next(s for s in card.lineage.recipe.stages if s.name == "logit_caching")
        costs[name] = scope_costs(card, catalog.cards)["pipeline"], stage
        assert stage.energy_j is None  # its joules are not this machine's
    assert len(served.asked) == 4
    tokens = sum(len(body["prompt"]) for _, body in served.asked)
    assert {stage.tokens.value for _, stage in costs.values() if stage.tokens} == {tokens}
    assert (costs["unknown"][0].bound, costs["unknown"][1].flops) == (">=", None)
    scope, stage = costs["stated"]
    assert scope.bound == "="
    assert stage.flops is not None
    assert stage.flops.value == 2e6 * tokens
    assert "N = 1e+06 as the recipe states" in (stage.flops.note or "")


@pytest.mark.parametrize(
    "settings",
    [
        {"divergence": "forward-kl", "top_k": K},
        pytest.param({"divergence": "reverse-kl", "top_k": 1}, marks=pytest.mark.long),
    ],
)
def test_a_student_writes_and_a_server_scores_it(
    served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    """TRL's server distillation: every step's text is asked about once, as tokens."""
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    served.tokenizer.save_pretrained(tmp_path / "tokenizer")
    recipe = {
        **_recipe(tmp_path, "on-policy", settings),
        "name": "student",
        "teacher": {"source": "inspect:vllm/m", "parameters": 1e6},
        "training": {"max_steps": 2, "batch_size": 2, "max_length": 128},
    }
    made = make_student(recipe, tmp_path / "out")
    assert len(served.asked) == 4
    scoring = next(r for r in made.stages if r.stage == "logit_caching")
    training = next(r for r in made.stages if r.stage == "student_training")
    tokens = sum(len(body["prompt"]) for _, body in served.asked)
    assert (scoring.tokens, scoring.flops) == (tokens, 2e6 * tokens)
    assert scoring.flops_counted is None
    assert training.tokens == tokens
    assert training.flops_counted is not None
    assert training.flops_counted == pytest.approx(training.flops_formula, rel=0.05)


@pytest.mark.long
def test_llama_cpp_itself(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own server on the same weights in float16, end tokens in the middle of a text too."""
    import xllamacpp

    served.model.save_pretrained(tmp_path)
    served.tokenizer.save_pretrained(tmp_path)
    export_gguf(tmp_path, tmp_path / "m.gguf", "f16")
    params = xllamacpp.CommonParams()
    params.model.path, params.hostnames, params.port = str(tmp_path / "m.gguf"), ["127.0.0.1"], 0
    params.n_ctx, params.n_parallel, params.verbosity = 512, 2, 1
    server = xllamacpp.Server(params)
    monkeypatch.setenv("MINE_BASE_URL", f"{server.listening_address}/v1")
    texts = [*EXAMPLES, Example((60,), (0,)), Example((60,), (70, 0, 71, 0))]
    source = Source.parse("inspect:openai-api/mine/m")
    asked = ServerScorer(source, served.tokenizer, K, TeacherSize(), 2, "teacher")
    found = asked.score(texts, StageRecord("s", "logit_caching", 0))
    local = LocalScorer(Loaded(served.model, served.tokenizer, "d"), Distillation(top_k=K))
    expected = local.score(texts, StageRecord("s", "logit_caching", 0))
    for one, other in zip(found, expected, strict=True):
        assert (np.sort(one.best.tokens) == np.sort(other.best.tokens)).all()
        assert np.sort(one.best.logprobs) == pytest.approx(np.sort(other.best.logprobs), abs=0.01)
        assert one.best.rest == pytest.approx(other.best.rest, abs=0.001)
