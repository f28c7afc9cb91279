"""Benchmarks that distilbench registers itself, for what inspect_evals does not have."""

from __future__ import annotations

from typing import Any

from inspect_ai import Task, task
from inspect_ai.dataset import Sample, hf_dataset
from inspect_ai.solver import generate, prompt_template

from distilbench.tasks._build import answer_scorer

_PROMPT = "{prompt}\n\nPlease reason step by step, and put your final answer within \\boxed{{}}."


@task
def math_500(revision: str | None = None) -> Task:
    """MATH-500: 500 problems of the MATH test set (Lightman et al. 2023, arXiv 2305.20050).

    The prompt is the one that DeepSeek recommends for its R1 models; the answer is the last
    ``\\boxed{}``, compared by value (math-verify). ``revision``: commit of HuggingFaceH4/MATH-500.
    """
    return Task(
        dataset=hf_dataset(
            "HuggingFaceH4/MATH-500",
            split="test",
            sample_fields=_sample,
            revision=revision,
            retry=False,
        ),
        solver=[prompt_template(_PROMPT), generate()],
        scorer=answer_scorer("boxed", None, "math"),
    )


def _sample(record: dict[str, Any]) -> Sample:
    return Sample(
        id=record["unique_id"],
        input=record["problem"],
        target=record["answer"],
        metadata={"level": str(record["level"]), "subject": record["subject"]},
    )
