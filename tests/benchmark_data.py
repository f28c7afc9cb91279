"""Small data sets of our own invention, laid out as the benchmarks' own are.

Hugging Face's ``load_dataset("openai/gsm8k")`` takes a folder of that name in the working
directory. Two things of a benchmark have to be stood in for: GPQA's file is pinned by its checksum,
which is replaced by that of our file, and IFEval's checks are no package of PyPI, so that a
stand-in checks one invented kind of instruction.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from pathlib import Path
from typing import Any

ROWS = 6
_BBH_CHOICES = """date_understanding disambiguation_qa geometric_shapes hyperbaton
logical_deduction_five_objects logical_deduction_seven_objects logical_deduction_three_objects
movie_recommendation penguins_in_a_table reasoning_about_colored_objects ruin_names
salient_translation_error_detection snarks temporal_sequences
tracking_shuffled_objects_five_objects tracking_shuffled_objects_seven_objects
tracking_shuffled_objects_three_objects""".split()  # noqa: SIM905
_BBH_OTHERS = """boolean_expressions causal_judgement formal_fallacies navigate
sports_understanding web_of_lies multistep_arithmetic_two object_counting word_sorting
dyck_languages""".split()  # noqa: SIM905

_PINNED_ELSEWHERE = """
import importlib.abc, importlib.util, os, sys

class _Gpqa(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "inspect_evals.gpqa.gpqa":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        def exec_module(module):
            run(module)
            module.GPQA_DIAMOND_DATASET_SHA256 = os.environ["TEST_GPQA_SHA256"]
        spec.loader.exec_module = exec_module
        return spec

sys.meta_path.insert(0, _Gpqa())
"""
_IFEVAL_STAND_IN = """
from dataclasses import dataclass

@dataclass
class InputExample:
    key: int
    instruction_id_list: list
    prompt: str
    kwargs: dict

@dataclass
class Output:
    follow_all_instructions: bool
    follow_instruction_list: list

def ensure_nltk_resource():
    pass

def test_instruction_following(example, response, strict):
    followed = [len(response) > 0 for _ in example.instruction_id_list]
    return Output(all(followed), followed)
"""


def lay_out(folder: Path) -> dict[str, str]:
    """Write every data set below ``folder``; returns the environment to run in."""
    hub = folder / "data"
    _gsm8k(hub / "openai/gsm8k/main")
    _math(hub / "DigitalLearningGmbH/MATH-lighteval", hub / "HuggingFaceH4/MATH-500")
    _aime(hub / "Maxwell-Jia/AIME_2024", hub / "math-ai/aime25")
    _choices(hub / "TIGER-Lab/MMLU-Pro", hub / "allenai/ai2_arc")
    _bbh(hub / "Joschka/big_bench_hard")
    _code(hub / "openai/openai_humaneval", hub / "google-research-datasets/mbpp")
    _ifeval(hub / "google/IFEval")
    sha256 = _gpqa(folder / "evals/gpqa/gpqa_diamond.csv")
    stand_ins = folder / "stand_ins"
    package = stand_ins / "instruction_following_eval"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "evaluation.py").write_text(_IFEVAL_STAND_IN)
    (stand_ins / "sitecustomize.py").write_text(_PINNED_ELSEWHERE)
    paths = [str(stand_ins), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "DISTILBENCH_CACHE": os.environ.get(
            "DISTILBENCH_CACHE", str(Path("~/.cache/distilbench").expanduser())
        ),
        "HF_HOME": str(folder / "hf"),
        "HF_HUB_OFFLINE": "1",
        "INSPECT_EVALS_CACHE_DIR": str(folder / "evals"),
        "TEST_GPQA_SHA256": sha256,
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def _configs(folder: Path, configs: dict[str, tuple[str, list[dict[str, Any]]]]) -> None:
    """Several configurations of one data set: name to (split, rows)."""
    lines = ["---", "configs:"]
    for name, (split, rows) in configs.items():
        _write(folder / f"{name}.jsonl", rows)
        lines += [f"- config_name: {name}", "  data_files:"]
        lines += [f"  - split: {split}", f"    path: {name}.jsonl"]
    (folder / "README.md").write_text("\n".join([*lines, "---", ""]))


def _gsm8k(folder: Path) -> None:
    for split, rows in (("train", 12), ("test", ROWS)):
        _write(
            folder / f"{split}.jsonl",
            [
                {
                    "question": f"A {split} shed holds {n + 3} rakes. {n} are lent. What is left?",
                    "answer": f"{n + 3} - {n} = 3.\n#### 3",
                }
                for n in range(rows)
            ],
        )


def _math(full: Path, part: Path) -> None:
    rows = [
        {
            "problem": f"What is ${n}+{n}$?",
            "level": f"Level {1 + n % 2}",
            "type": "Algebra" if n % 2 else "Prealgebra",
            "solution": f"Doubling gives $\\boxed{{{2 * n}}}$.",
        }
        for n in range(ROWS)
    ]
    readme = ["---", "configs:", "- config_name: default", "  data_files:"]
    for split in ("train", "test"):
        _write(full / f"{split}.jsonl", rows)
        readme += [f"  - split: {split}", f"    path: {split}.jsonl"]
    (full / "README.md").write_text("\n".join([*readme, "---", ""]))
    _write(
        part / "test.jsonl",
        [
            {
                "problem": row["problem"],
                "solution": row["solution"],
                "answer": str(2 * n),
                "subject": row["type"],
                "level": 1 + n % 2,
                "unique_id": f"test/sum/{n}.json",
            }
            for n, row in enumerate(rows)
        ],
    )


def _aime(year_2024: Path, year_2025: Path) -> None:
    _write(
        year_2024 / "train.jsonl",
        [
            {"ID": f"X-{n}", "Problem": f"Find $10\\cdot{n}$.", "Answer": 10 * n, "Solution": "-"}
            for n in range(1, ROWS)
        ],
    )
    _write(
        year_2025 / "test.jsonl",
        [
            {"id": str(n), "problem": f"Find $11\\cdot{n}$.", "answer": str(11 * n)}
            for n in range(1, ROWS)
        ],
    )


def _choices(mmlu: Path, arc: Path) -> None:
    letters, words = ["A", "B", "C", "D"], ["north", "south", "east", "west"]
    for split in ("test", "validation"):
        _write(
            mmlu / f"{split}.jsonl",
            [
                {
                    "question_id": n,
                    "question": f"A ship turned {n} times. Where is its bow if it faces the east?",
                    "options": words,
                    "answer": "C",
                    "category": "physics" if n % 3 else "law",
                    "cot_content": "It faces the east. The answer is (C).",
                }
                for n in range(ROWS)
            ],
        )
    rows = [
        {
            "id": f"arc-{n}",
            "question": f"On day {n}, where does the sun rise?",
            "choices": {"text": words, "label": letters},
            "answerKey": "C",
        }
        for n in range(ROWS)
    ]
    _configs(arc, {"ARC-Challenge": ("test", rows)})


def _bbh(folder: Path) -> None:
    configs: dict[str, tuple[str, list[dict[str, Any]]]] = {}
    for name in _BBH_CHOICES:
        choices = {"text": ["red", "blue"], "label": ["(A)", "(B)"]}
        row = {"question": f"{name}: take blue.", "choices": choices, "target": "B"}
        # inspect_evals leaves out two broken rows of this one by their places
        configs[name] = (name, [row] * (150 if name == "ruin_names" else 2))
    for name in _BBH_OTHERS:
        configs[name] = (name, [{"question": f"{name}: say yes.", "target": "yes"}] * 2)
    prompts = [
        {"dataset_name": name, "answer_only_prompt": "Q\nA", "chain_of_thought_prompt": "Q\nA"}
        for name in (*_BBH_CHOICES, *_BBH_OTHERS)
    ]
    configs["few_shot_prompts"] = ("few_shot_prompts", prompts)
    _configs(folder, configs)


def _code(humaneval: Path, mbpp: Path) -> None:
    _write(
        humaneval / "test.jsonl",
        [
            {
                "task_id": f"Test/{n}",
                "prompt": f'def add_{n}(x):\n    """Add {n} to x."""\n',
                "canonical_solution": f"    return x + {n}\n",
                "test": f"def check(f):\n    assert f(1) == {n + 1}\n",
                "entry_point": f"add_{n}",
            }
            for n in range(ROWS)
        ],
    )
    shared = {"test_list": ["assert twice(2) == 4"], "code": "def twice(x):\n    return 2 * x"}
    shots = [{"task_id": n, "text": "Double a number.", **shared} for n in (2, 3, 4)]
    asked = [
        {
            "task_id": 10 + n,
            "prompt": f"Double a number ({n}).",
            "source_file": "-",
            "test_imports": [],
            **shared,
        }
        for n in range(ROWS)
    ]
    _configs(mbpp, {"full": ("prompt", shots), "sanitized": ("test", asked)})


def _ifeval(folder: Path) -> None:
    _write(
        folder / "train.jsonl",
        [
            {
                "key": n,
                "prompt": f"Say something, {n} times polite.",
                "instruction_id_list": ["invented:something"] * (1 + n % 2),
                "kwargs": [{"times": n}] * (1 + n % 2),
            }
            for n in range(ROWS)
        ],
    )


def _gpqa(path: Path) -> str:
    path.parent.mkdir(parents=True)
    with path.open("w", newline="") as stream:
        columns = [
            "Record ID", "Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2",
            "Incorrect Answer 3", "High-level domain", "Subdomain",
        ]  # fmt: skip
        writer = csv.DictWriter(stream, columns)
        writer.writeheader()
        for n in range(ROWS):
            values = [f"rec{n}", f"Which is {n}?", str(n), "x", "y", "z"]
            values += ["Physics" if n % 2 else "Biology", "Genetics"]
            writer.writerow(dict(zip(columns, values, strict=True)))
    return hashlib.sha256(path.read_bytes()).hexdigest()
