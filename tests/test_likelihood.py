"""Multiple choice by likelihood: what is asked, how it is judged, and against other programs."""

from __future__ import annotations

import asyncio
import json
import math
import random
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
import yaml
from inspect_ai.log import EvalSample
from pydantic import ValidationError

from distilbench.architecture import ModelShape
from distilbench.distill.recipe._parts import Data
from distilbench.engines import EngineError, EngineSettings, LlamaCpp, quantized
from distilbench.engines._likelihood import (
    Encoded,
    encoded,
    likelihood,
    pairs,
    read,
    refuse_end_token,
    scored,
)
from distilbench.engines._scored import _scored, scored_output
from distilbench.errors import InputError
from distilbench.forecast._tasks import task_plans
from distilbench.meter import inference_flops
from distilbench.runner import run_suite
from distilbench.runner._calls import Calls
from distilbench.runner._records import _flops, _passes
from distilbench.suite import read_suite
from distilbench.tasks import LIKELIHOODS_KEY, FileTask, Template, build_task, make_questions
from distilbench.tasks._likelihood import chosen

ROWS = [
    {"question": "Where do fish live?", "choices": ["in water", "on the moon"], "answer": 0},
    {"question": "What do cows eat?", "choices": ["stones", "fresh green grass"], "answer": 1},
    {"question": "Which is cold?", "choices": ["fire", "ice", "steam"], "answer": 1},
]
COMMON = {"choices": "choices", "answer_is": "index", "likelihood": "acc"}


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def asked_of(spec: FileTask) -> list[Any]:
    return list(build_task(spec, make_questions(spec, 0)).dataset)


def test_a_question_is_one_text_as_lm_eval_makes_it(tmp_path: Path) -> None:
    shots = write(tmp_path / "shots.jsonl", [ROWS[2]])
    spec = FileTask(
        file=write(tmp_path / "q.jsonl", ROWS[:2]), **COMMON, fewshot=1, fewshot_file=shots,
        instruction="Choose.", templates=("question-answer",),
    )  # fmt: skip
    first, second = asked_of(spec)
    head = "Choose.\n\nQuestion: Which is cold?\nAnswer: ice\n\n"
    assert first.metadata[LIKELIHOODS_KEY] == {
        "contexts": [head + "Question: Where do fish live?\nAnswer:"],
        "continuations": [" in water", " on the moon"],
    }
    assert second.metadata[LIKELIHOODS_KEY]["continuations"] == [" stones", " fresh green grass"]
    assert (first.target, second.target) == ("A", "B")


def test_letters_are_scored_behind_the_choices_as_mmlu_lists_them(tmp_path: Path) -> None:
    shots = write(tmp_path / "shots.jsonl", [ROWS[2]])
    spec = FileTask(
        file=write(tmp_path / "q.jsonl", ROWS[:1]), **COMMON, scored="letter",
        templates=({"name": "mmlu", "question": "{question}\nAnswer:"},),
        fewshot=1, fewshot_file=shots,
    )  # fmt: skip
    wanted = asked_of(spec)[0].metadata[LIKELIHOODS_KEY]
    shot = "Which is cold?\nA. fire\nB. ice\nC. steam\nAnswer: B\n\n"
    question = "Where do fish live?\nA. in water\nB. on the moon\nAnswer:"
    assert wanted == {"contexts": [shot + question], "continuations": [" A", " B"]}


def test_a_blank_is_filled_and_what_stands_behind_it_is_scored(tmp_path: Path) -> None:
    """As lm-evaluation-harness asks WinoGrande (partial evaluation)."""
    row = {"question": "The cup broke as the _ was hard.", "choices": ["cup", "floor"], "answer": 1}
    spec = FileTask(file=write(tmp_path / "q.jsonl", [row]), **COMMON, blank="_")
    wanted = asked_of(spec)[0].metadata[LIKELIHOODS_KEY]
    assert pairs(wanted) == [
        ("The cup broke as the cup", " was hard."),
        ("The cup broke as the floor", " was hard."),
    ]
    said = spec.model_copy(
        update={
            "instruction": "Fill in the _.",
            "templates": (Template(name="t", question="_ > {question}\nRight: _"),),
        }
    )
    wanted = asked_of(said)[0].metadata[LIKELIHOODS_KEY]  # the question's own blank is meant
    assert pairs(wanted)[1] == (
        "Fill in the _.\n\n_ > The cup broke as the floor", " was hard.\nRight: _"
    )  # fmt: skip
    none = write(tmp_path / "none.jsonl", [{**row, "question": "No gap here."}])
    with pytest.raises(InputError, match=r"row 1.*holds the blank '_' 0 times"):
        make_questions(spec.model_copy(update={"file": none}), 0)
    last = write(tmp_path / "last.jsonl", [{**row, "question": "What is hard is the _ "}])
    with pytest.raises(InputError, match=r"row 1: ends with the blank '_'.*drop 'blank'"):
        make_questions(spec.model_copy(update={"file": last}), 0)


def test_the_choice_is_the_likeliest_or_the_likeliest_for_its_length() -> None:
    """-3 over 2 characters is -1.5 each; -8 over 8 is -1."""
    choices, logprobs = ["ab", "abcdefgh", "abc"], [-3.0, -8.0, -6.0]
    assert chosen(logprobs, choices, "acc") == 0
    assert chosen(logprobs, choices, "acc_norm") == 1
    assert chosen([-2.0, -2.0], ["a", "b"], "acc") == 0  # numpy's argmax takes the first


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"choices": None, "answer_is": None}, "name their column with 'choices'"),
        ({"extract": "choice"}, "drop 'extract'"),
        ({"max_tokens": 5}, "drop 'max_tokens'"),
        ({"stop": ["\n"]}, "drop 'stop'"),
        ({"templates": ["step-by-step"]}, "template 'step-by-step' is for written answers"),
        ({"blank": "_", "likelihood": "acc_norm"}, "all choices have the same text"),
        ({"blank": "_", "fewshot": 2}, "all choices have the same text"),
        ({"likelihood": None, "scored": "letter"}, "'scored' goes with 'likelihood'"),
        ({"likelihood": None, "blank": "_"}, "'blank' goes with 'likelihood'"),
        ({"likelihood": "f1"}, "'acc' or 'acc_norm'"),
    ],
)
def test_what_does_not_go_together_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileTask.model_validate({"file": "q.jsonl", **COMMON, **fields})


def test_a_plan_reads_what_it_wrote() -> None:
    spec = FileTask.model_validate({"file": "q.jsonl", **COMMON})
    assert FileTask.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        ("ab", " c", ("ab", " c")),
        ("ab ", "c", ("ab", " c")),  # white space at the end belongs to the text
        ("ab\n", "c d", ("ab", "\nc d")),
    ],
)
def test_where_a_text_begins(context: str, text: str, expected: tuple[str, str]) -> None:
    async def tokenize(said: str) -> list[int]:
        return [ord(c) for c in said]

    found = asyncio.run(encoded(context, text, tokenize))
    assert tuple("".join(map(chr, part)) for part in found) == expected
    assert found.evaluated == len(context + text) - 1


def test_a_tokenizer_that_ends_every_text_is_refused() -> None:
    async def ends(said: str) -> list[int]:
        return [1, *map(ord, said), 2]

    async def begins(said: str) -> list[int]:
        return [1, *map(ord, said)]

    with pytest.raises(EngineError, match="ends every text"):
        asyncio.run(refuse_end_token(ends))

    async def ends_alone(said: str) -> list[int]:
        return [*map(ord, said), 2]

    with pytest.raises(EngineError, match="ends every text"):
        asyncio.run(refuse_end_token(ends_alone))
    asyncio.run(refuse_end_token(begins))


@pytest.mark.parametrize("told", [math.nan, None])
def test_what_is_no_number_is_no_likelihood(told: float | None) -> None:
    """Half-precision weights overflow to NaN: of NaN and -1 some choice would be taken."""
    tokens = [
        {"id": n, "logprob": p, "top_logprobs": [{"id": n}]} for n, p in ((7, -1.0), (8, told))
    ]
    with pytest.raises(EngineError, match="told no probability"):
        read(Encoded([1], [7, 8]), tokens)


def test_choices_that_are_all_beyond_a_float_are_not_told_apart() -> None:
    """llama.cpp says the lowest float for a probability that underflows."""
    lowest = -3.4028234663852886e38
    never, some = likelihood([lowest, -1.0], False), likelihood([-90.0, -2.0], False)
    assert some.logprob == -92.0
    what = Encoded([1], [7, 8])
    assert scored([(what, never), (what, some)], [0, 0], 1.0).likelihoods == [never, some]
    with pytest.raises(EngineError, match="too unlikely to be told apart"):
        scored([(what, never), (what, never)], [0, 0], 1.0)


def test_flops_are_those_of_each_text_by_itself() -> None:
    """Four contexts of 1,000 tokens are no text of 4,000: no token of one sees another. A text of
    five tokens takes the context, the logits behind it, and four steps with theirs."""
    shape = ModelShape.plain(
        hidden=64, vocab=100, layers=2, heads=4, kv_heads=4, head_dim=16, ffn=128
    )
    what = Encoded([1] * 1000, [2] * 5)
    told = scored([(what, likelihood([-1.0] * 5, False))] * 4, [0, 1000, 1000, 1000], 1.0)
    assert told.timing.input_tokens == 4 * 1004
    sample = EvalSample(id="q", epoch=1, input="?", target="A", output=scored_output("m", told))
    calls = Calls([told.timing], True, None, None, None)
    found = _flops(shape, _passes(sample, calls))
    assert found["flops"] == 4 * (
        shape.forward_flops(1000, logits=1).total + shape.decode_flops(4, context=1000).total
    )
    assert found["cached_flops"] == 3 * shape.forward_flops(1000, logits=0).total
    assert inference_flops(shape, 4016, 0).prefill > 1.5 * found["flops"]  # what it was taken for


def test_a_forecast_counts_what_is_read_as_the_records_do(tmp_path: Path) -> None:
    """Each choice behind the question: 2 x 19 + 8 + 11 letters of the first, 2 x 17 + 6 + 17 of the
    second, 3 x 14 + 4 + 3 + 5 of the third."""
    write(tmp_path / "q.jsonl", ROWS)
    given = read_suite(
        {
            "name": "s",
            "models": [{"source": "inspect:mockllm/model"}],
            "tasks": [{"file": str(tmp_path / "q.jsonl"), **COMMON}],
        }
    )
    (planned,) = task_plans(given.suite)
    assert planned.max_tokens == 0
    assert planned.characters == pytest.approx((57 + 57 + 54) / 3)


def test_it_is_no_task_to_train_on() -> None:
    with pytest.raises(ValidationError, match="how a model is measured, not trained"):
        Data.model_validate({"task": {"file": "q.jsonl", **COMMON}})


def test_an_engine_that_tells_no_likelihood_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "q.jsonl", ROWS)
    task = {"file": "q.jsonl", **COMMON}
    suite = {"models": [{"source": "inspect:mockllm/model"}], "tasks": [task]}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    with pytest.raises(InputError, match=r"models\[0\]\.source.*tells no likelihood.*GGUF"):
        run_suite(tmp_path / "suite.yaml", tmp_path / "runs")


@pytest.mark.model
def test_a_likelihood_is_what_llama_cpp_tells_of_free_generation(smollm2: str) -> None:
    """Of the tokens that greedy decoding takes, whose log-probabilities it tells itself."""
    context = "The capital of France is"

    async def ask(engine: LlamaCpp) -> tuple[Any, Any]:
        free = {"prompt": context, "n_predict": 2, "temperature": 0, "n_probs": 1, "top_k": 1}
        told = await engine._post("/completion", {**free, "cache_prompt": False})
        scored = await engine.likelihoods([(context, told["content"]), (context, " a zebra")])
        await engine.aclose()
        return told, scored

    with LlamaCpp(Path(smollm2), EngineSettings(slots=1, context=256, threads=1)) as engine:
        told, scored = asyncio.run(ask(engine))
    assert scored is not None
    greedy, zebra = scored.likelihoods
    expected = sum(token["logprob"] for token in told["completion_probabilities"])
    assert greedy.greedy
    assert not zebra.greedy
    assert math.isclose(greedy.logprob, expected, abs_tol=0.02)  # 4-bit: batches of other shapes
    assert zebra.logprob < greedy.logprob - 5
    assert scored.timing.output_tokens == 0
    words = 5 + greedy.tokens - 1 + 5 + zebra.tokens - 1  # the context has five tokens
    assert scored.timing.input_tokens == words


@pytest.mark.model
def test_transformers_tell_what_all_tokens_have_alike(tmp_path: Path) -> None:
    """Of weights that are all zero each of the 100 tokens has the log-probability -ln 100."""
    transformers = pytest.importorskip("transformers")
    folder = tiny_llama(tmp_path / "tiny")
    api = SimpleNamespace(
        model=transformers.AutoModelForCausalLM.from_pretrained(folder),
        tokenizer=transformers.AutoTokenizer.from_pretrained(folder),
    )
    scored = asyncio.run(_scored(api, [("Fish live", " in water"), ("Fish live ", "there")]))
    assert scored is not None
    for told, tokens in zip(scored.likelihoods, (9, 6), strict=True):
        assert told.tokens == tokens
        assert math.isclose(told.logprob, -math.log(100) * tokens, rel_tol=1e-4)
    assert scored.timing.input_tokens == 9 + 9 - 1 + 9 + 6 - 1
    assert asyncio.run(_scored(api, [("x" * 600, "y")])) is None  # it reads 512 tokens at most


@pytest.mark.model
@pytest.mark.long
def test_a_run_on_transformers_is_scored_by_likelihood(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    folder = tiny_llama(tmp_path / "tiny")
    write(tmp_path / "q.jsonl", ROWS)
    model = {"source": "inspect:hf/tiny", "args": {"model_path": str(folder), "device": "cpu"}}
    suite = {"models": [model], "tasks": [{"file": "q.jsonl", **COMMON}]}
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    run = run_suite(tmp_path / "suite.yaml", tmp_path / "runs").run_dir
    samples = pl.read_parquet(run / "samples.parquet").sort("sample_id")
    assert samples["outcome"].to_list() == ["stop"] * 3
    assert samples["output_tokens"].to_list() == [0] * 3
    # All tokens are equally likely, so the choice with the fewest is taken.
    assert samples["answer"].to_list() == ["A", "A", "B"]


def tiny_llama(folder: Path) -> Path:
    """A Llama whose weights are all zero, so that each of 100 tokens is equally likely, and a
    tokenizer of characters without a beginning-of-sequence token."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    characters = ["<pad>", "</s>", *map(chr, range(32, 127)), "\n", "<a>", "<b>"]
    assert len(characters) == 100
    tokenizer = Tokenizer(models.WordLevel({c: i for i, c in enumerate(characters)}, "<pad>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="</s>", pad_token="<pad>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=100, hidden_size=16, intermediate_size=32, num_hidden_layers=1,
        num_attention_heads=2, max_position_embeddings=512, pad_token_id=0, bos_token_id=None,
        eos_token_id=1,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for weight in model.parameters():
            weight.zero_()
    model.save_pretrained(folder)
    return folder


def many(number: int) -> list[dict[str, Any]]:
    """Made-up questions with choices of different lengths and words."""
    rng, rows = random.Random(5), []
    homes = {
        "whale": "in the open sea", "sparrow": "in a nest", "mole": "under the ground",
        "horse": "in a stable", "lizard": "on a warm stone wall", "cat": "in a house",
    }  # fmt: skip
    for at in range(number):
        if at % 2:
            beast = rng.choice(list(homes))
            choices = [homes[beast], *rng.sample([h for b, h in homes.items() if b != beast], 3)]
            question = f"Of all places, number {at}: where does a {beast} live?"
        else:
            a, b = rng.randint(2, 60), rng.randint(2, 60)
            wrong = [a + b + rng.randint(1, 9), a * b, abs(a - b)]
            choices = [f"She has {a + b} pens.", *(f"{n} pens in all" for n in wrong)]
            question = f"Ada has {a} pens and buys {b} more (case {at}). How many has she?"
        order = list(range(4))
        rng.shuffle(order)
        rows.append(
            {
                "question": question,
                "choices": [choices[i] for i in order],
                "answer": order.index(0),
            }
        )
    return rows


def of_lm_eval(folder: Path, model: Path, questions: int) -> dict[int, dict[str, Any]]:
    """Likelihoods of lm-evaluation-harness's own ``hf`` model on the same weights in 32 bits."""
    task = {
        "task": "homes",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": str(folder / "q.jsonl")}},
        "test_split": "test",
        "output_type": "multiple_choice",
        "doc_to_text": "Question: {{question}}\nAnswer:",
        "doc_to_choice": "choices",
        "doc_to_target": "answer",
        "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
    }
    (folder / "task").mkdir(exist_ok=True)
    (folder / "task" / "homes.yaml").write_text(yaml.safe_dump(task))
    arguments = f"pretrained={model.parent},gguf_file={model.name},dtype=float32,max_length=1024"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "lm_eval", "run", "--model", "hf", "--device", "cpu"),
            *("--model_args", arguments, "--tasks", "homes", "--include_path", "task"),
            *("--output_path", f"out-{model.stem}", "--log_samples", "--limit", str(questions)),
        ],
        cwd=folder,
        env={"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    file = next((folder / f"out-{model.stem}").rglob("samples_homes_*.jsonl"))
    return {row["doc_id"]: row for row in map(json.loads, file.read_text().splitlines())}


def agreement(folder: Path, name: str, file: Path, questions: int) -> tuple[int, float]:
    """Questions whose acc or acc_norm differs, and the largest difference of a log-probability."""
    from inspect_ai.log import read_eval_log

    write(folder / "q.jsonl", many(questions))
    model = {"source": str(file), "name": name}
    asked = {"file": "q.jsonl", **COMMON, "templates": ["question-answer"], "name": "acc"}
    tasks = [asked, {**asked, "likelihood": "acc_norm", "name": "acc_norm"}]
    profiles = [{"slots": 1, "context": 1024, "threads": 1}]
    suite = {"models": [model], "tasks": tasks, "profiles": profiles}
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(suite))
    run = run_suite(folder / f"{name}.yaml", folder / "runs").run_dir
    theirs = of_lm_eval(folder, file, questions)
    differ: set[int] = set()
    furthest = 0.0
    for path in run.rglob("*.eval"):
        log = read_eval_log(str(path))
        metric = log.eval.task
        for sample in log.samples or ():
            at = int(str(sample.id).rpartition("-")[2]) - 1
            (score,) = (sample.scores or {}).values()
            ours = list((score.metadata or {})["log_probabilities"].values())
            told = [float(answer[0]) for answer in theirs[at]["filtered_resps"]]
            furthest = max(furthest, *(abs(a - b) for a, b in zip(ours, told, strict=True)))
            if float(score.value) != theirs[at][metric]:  # type: ignore[arg-type]
                differ.add(at)
    assert len(theirs) == questions
    assert pl.read_parquet(run / "samples.parquet").height == 2 * questions
    return len(differ), furthest


@pytest.mark.model
@pytest.mark.long
@pytest.mark.parametrize("name", ["smollm2", "gemma3"])
def test_both_metrics_are_those_of_lm_eval_question_by_question(
    tmp_path: Path, name: str, request: pytest.FixtureRequest
) -> None:
    pytest.importorskip("lm_eval")
    file = quantized(Path(request.getfixturevalue(name)), "F16", "test")
    differ, furthest = agreement(tmp_path, name, file, 200)
    print(f"\n{name}: {differ} of 200 differ; log-probabilities by {furthest:.4f} at most")
    assert differ == 0
    assert furthest < 0.1
