"""The same prompts, outputs and scores as lm-evaluation-harness, question by question.

The model is run with 16-bit weights. With 4-bit ones, llama.cpp's logits depend on how many tokens
it reads at once (by 0.3 nats on this model and these prompts), and so on what is cached of a
prompt: the two programs need not then choose the same token where two are about as likely.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from distilbench.engines import EngineSettings, quantized
from distilbench.engines._completion import few_shot_prompt
from distilbench.engines._llama_cpp import LlamaCpp
from distilbench.interchange import Naming, import_results
from distilbench.report import write_report
from distilbench.runner import question_sets, run_suite
from distilbench.tasks import extract, grade

SHOTS, QUESTIONS, MAX_TOKENS = 4, 6, 40
SUITE = f"""
name: agreement
models:
  - source: pypi:gemma-3-270m
    quantization: F16
tasks:
  - file: sums.jsonl
    fewshot: {SHOTS}
    fewshot_file: shots.jsonl
    extract: "####"
    grader: exact
    max_tokens: {MAX_TOKENS}
profiles: [{{slots: 1, context: 1024, threads: 1}}]
"""
# lm-evaluation-harness's own gsm8k task, but for the data.
STRICT, FLEXIBLE = "#### (\\-?[0-9\\.\\,]+)", "(-?[$0-9.,]{2,})|(-?[0-9]+)"
GSM8K: dict[str, Any] = {
    "task": "sums",
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "generate_until",
    "doc_to_text": "Question: {{question}}\nAnswer:",
    "doc_to_target": "{{answer}}",
    "generation_kwargs": {
        "until": ["Question:", "</s>", "<|im_end|>"],
        "do_sample": False,
        "temperature": 0.0,
        "max_gen_toks": MAX_TOKENS,
    },
    "filter_list": [
        {
            "name": "strict-match",
            "filter": [
                {"function": "regex", "regex_pattern": STRICT},
                {"function": "take_first"},
            ],
        },
        {
            "name": "flexible-extract",
            "filter": [
                {"function": "regex", "group_select": -1, "regex_pattern": FLEXIBLE},
                {"function": "take_first"},
            ],
        },
    ],
    "metric_list": [
        {
            "metric": "exact_match",
            "aggregation": "mean",
            "higher_is_better": True,
            "ignore_case": True,
            "ignore_punctuation": False,
            "regexes_to_ignore": [",", "\\$", "(?s).*#### ", "\\.$"],
        }
    ],
}


def problems(number: int) -> list[dict[str, str]]:
    """Made-up word problems in the format of GSM8K, no two alike."""
    rng, rows = random.Random(7), {}
    while len(rows) < number:
        name, thing = rng.choice(("Ada", "Ben", "Cora")), rng.choice(("pens", "coins", "cards"))
        a, b = rng.randint(2, 9), rng.randint(2, 9)
        question = f"{name} has {a} {thing} and finds {b} more. How many is that?"
        answer = f"{name} has {a} + {b} = <<{a}+{b}={a + b}>>{a + b} {thing}.\n#### {a + b}"
        rows[question] = {"question": question, "answer": answer}
    return list(rows.values())


def write(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def lm_eval(folder: Path, run: Path, model: Path) -> list[dict[str, Any]]:
    """Run lm_eval on the same questions after the same examples; its logged samples."""
    asked = question_sets(run)["sums", 0]
    shots = [{"question": e.text, "answer": e.worked} for e in asked.examples]
    task = {
        **GSM8K,
        "dataset_kwargs": {"data_files": {"test": str(folder / "sums.jsonl")}},
        "fewshot_config": {"sampler": "first_n", "samples": shots},
        "num_fewshot": SHOTS,
    }
    (folder / "task").mkdir()
    (folder / "task" / "sums.yaml").write_text(yaml.safe_dump(task))
    offline = {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}
    with LlamaCpp(model, EngineSettings(slots=1, context=1024, threads=1)) as engine:
        url, key = engine.address
        arguments = f"model=gemma,base_url={url}/v1/completions,tokenizer_backend=none"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "lm_eval", "run", "--model", "local-completions"),
                *("--model_args", arguments, "--tasks", "sums", "--include_path", "task"),
                *("--output_path", "out", "--log_samples"),
            ],
            cwd=folder,
            env={**os.environ, **offline, "OPENAI_API_KEY": key},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-3000:]
    file = next((folder / "out").rglob("samples_sums_*.jsonl"))
    return [json.loads(line) for line in file.read_text().splitlines()]


def score_of(sample: Any) -> float:
    from inspect_ai.scorer import value_to_float

    return value_to_float()(next(iter(sample.scores.values())).value)


@pytest.mark.model
def test_prompts_outputs_and_scores_are_those_of_lm_eval(tmp_path: Path, gemma3: str) -> None:
    pytest.importorskip("lm_eval")
    from inspect_ai.log import read_eval_log

    rows = problems(SHOTS + QUESTIONS)
    write(tmp_path / "shots.jsonl", rows[:SHOTS])
    write(tmp_path / "sums.jsonl", rows[SHOTS:])
    (tmp_path / "suite.yaml").write_text(SUITE)
    run = run_suite(tmp_path / "suite.yaml", tmp_path / "runs").run_dir
    log = read_eval_log(str(next(run.rglob("*.eval"))))
    ours = {str(sample.id): sample for sample in log.samples or ()}
    theirs = lm_eval(tmp_path, run, quantized(Path(gemma3), "F16", "test"))
    assert len(theirs) == 2 * len(ours) == 2 * QUESTIONS
    for number in range(QUESTIONS):
        strict, flexible = (row for row in theirs if row["doc_id"] == number)
        mine = ours[f"sums-{number + 1}"]
        turns = [{"role": m.role, "content": m.text} for m in mine.messages[:-1]]
        assert few_shot_prompt(turns) == strict["arguments"]["gen_args_0"]["arg_0"]
        assert mine.output.completion.strip() == strict["resps"][0][0].strip()
        found = strict["filtered_resps"][0] != "[invalid]"
        assert score_of(mine) == (strict if found else flexible)["exact_match"]

    import_results([tmp_path / "out"], run, Naming(model="gemma-3-270m"))
    assert run_suite(tmp_path / "suite.yaml", tmp_path / "runs").complete  # keeps what is imported
    samples = pl.read_parquet(run / "samples.parquet")
    assert samples.group_by("sample_id").len()["len"].to_list() == [2] * QUESTIONS
    assert samples["origin"].n_unique() == 2
    write_report(run)
    text = (run / "report" / "report.md").read_text()
    assert "gemma-3-270m · lm-eval" in text
    assert "Differences, mean over tasks" in text


OUTPUTS = [
    " 5 + 3 = 8.\n#### 8",
    "#### 1,234\n#### 99",  # the first mark counts
    "#### $18",  # not strict: a dollar stands between
    "####7 and then 9",  # not strict: no space
    "it costs $1,250.00 in all.",
    "so 12, then 13.",
    "no number at all",
    "minus -5",
    "#### -3.",
    "1/2 or 50%",
    "",
]


@pytest.mark.parametrize("output", OUTPUTS)
def test_the_rule_is_their_strict_filter_and_else_their_flexible_one(output: str) -> None:
    """Against lm-evaluation-harness's own filters and metric."""
    filters = pytest.importorskip("lm_eval.filters.extraction")
    metrics = pytest.importorskip("lm_eval.api.metrics")
    strict = filters.RegexFilter(STRICT).apply([[output]], [{}])[0][0]
    flexible = filters.RegexFilter(FLEXIBLE, group_select=-1).apply([[output]], [{}])[0][0]
    theirs = flexible if strict == "[invalid]" else strict
    for target in ("8", "1234", "99", "18", "9", "1250.00", "13", "-5", "-3", "2", "50"):
        expected = metrics.exact_match_fn(
            predictions=[theirs],
            references=[f"so #### {target}"],
            regexes_to_ignore=GSM8K["metric_list"][0]["regexes_to_ignore"],
            ignore_case=True,
        )["exact_match"]
        assert grade(extract(output, "####"), target, "exact") == expected, (output, target)
