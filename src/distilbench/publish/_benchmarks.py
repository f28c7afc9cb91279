"""Which benchmark of the Hugging Face hub a task of a run is, if it is one.

The hub ranks models by the values that stand in their repositories, benchmark by benchmark. A
benchmark there is a data set whose ``eval.yaml`` registers tasks by their ids. Neither it nor the
value says a unit: the hub's own people write percent for the benchmarks below.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from distilbench.errors import InputError
from distilbench.tasks import InspectTask, TaskSpec, hub_task_id

Unit = Literal["percent", "fraction"]


@dataclass(frozen=True)
class Benchmark:
    """A task that a data set of the hub registers. ``questions``: of all of it, null where only the
    data set says; ``unit``: of the values that stand on its leaderboard, null: not known;
    ``note``: what of its questions is not as there."""

    dataset: str
    task: str
    questions: int | None = None
    unit: Unit | None = None
    note: str = ""


# Ids, counts and units as in the values that Hugging Face's staff filed in model repositories
# (MMLU-Pro and GPQA: .eval_results of MiniMax-M2, Trinity-Large-Preview and Kimi-K2.6, 2026) and in
# its guide for Every Eval Ever's records (GSM8K).
_OF_PACKAGES = {
    "inspect_evals/gsm8k": Benchmark("openai/gsm8k", "gsm8k", 1_319, "percent"),
    "inspect_evals/mmlu_pro": Benchmark("TIGER-Lab/MMLU-Pro", "mmlu_pro", 12_032, "percent"),
    "inspect_evals/gpqa_diamond": Benchmark(
        "Idavidrein/gpqa", "diamond", 198, "percent", "questions from OpenAI's copy (simple-evals)"
    ),
}


def benchmark_of(spec: TaskSpec, revision: str | None) -> Benchmark | str:
    """The benchmark that a task is, or why it is none: a sentence without its name.

    ``revision``: commit of the data set that the questions were read from. Never an id that was
    guessed: what is not known to be registered is none.
    """
    if not isinstance(spec, InspectTask):
        return "is no benchmark of the hub"
    if spec.score is not None:
        return f"counts the score {spec.score!r}, which may not be the one that is ranked"
    if not spec.inspect.startswith("hf/"):
        known = _OF_PACKAGES.get(spec.inspect)
        return known or f"{spec.inspect} is not known to be registered as a benchmark of the hub"
    try:
        repo, task = hub_task_id(spec, revision)
    except InputError as error:
        return str(error)
    alike = (one for one in _OF_PACKAGES.values() if (one.dataset, one.task) == (repo, task))
    registered = next(alike, None)
    return Benchmark(
        repo,
        task,
        registered.questions if registered else None,
        registered.unit if registered else None,
    )
