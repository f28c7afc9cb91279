"""Multiple choice by likelihood, as lm-evaluation-harness has it: nothing is written; the model
tells of each choice how likely it is behind the question.

The engine is asked through Inspect: the request's ``extra_body`` holds, under ``LIKELIHOODS_KEY``,
``contexts`` and ``continuations``, one of the two single and standing for all; the output's
metadata holds, under the same key, ``[log-probability in nats, is greedy, tokens]`` of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from distilbench.tasks._questions import Question
from distilbench.tasks._spec import FileTask

if TYPE_CHECKING:
    from inspect_ai.scorer import Scorer
    from inspect_ai.solver import Solver

LIKELIHOODS_KEY = "distilbench_likelihoods"
_DELIMITER = " "
"""Between a question and a choice, as lm-evaluation-harness's ``target_delimiter``."""


def chosen(logprobs: Sequence[float], choices: Sequence[str], metric: str) -> int:
    """Place of the choice that is taken: of the highest log-probability (``acc``), or of that over
    the choice's characters (``acc_norm``); of equals the first."""
    worth = [
        logprob / (len(choice) if metric == "acc_norm" else 1)
        for logprob, choice in zip(logprobs, choices, strict=True)
    ]
    return worth.index(max(worth))


def request(spec: FileTask, question: Question, shown: str, asked: str) -> dict[str, list[str]]:
    """What is scored of a question: behind what, and which texts. ``shown``: what stands before the
    question; ``asked``: the question as it is put."""
    choices = question.choices or ()
    if spec.blank is None:
        return {"contexts": [shown + asked], "continuations": [_DELIMITER + c for c in choices]}
    # The blank is the question's own: an instruction or a template may hold the same sign.
    head, _, tail = asked.partition(question.text)
    before, _, behind = question.text.partition(spec.blank)
    return {
        "contexts": [shown + head + before + choice for choice in choices],
        "continuations": [_DELIMITER + (behind + tail).strip()],
    }


def likelihood_solver() -> Solver:
    """Inspect solver: ask for the likelihood of each choice."""
    from inspect_ai.solver import Generate, TaskState, solver

    @solver(name="distilbench_likelihood")
    def distilbench_likelihood() -> Solver:
        async def solve(state: TaskState, generate: Generate) -> TaskState:
            wanted = state.metadata[LIKELIHOODS_KEY]
            return await generate(state, extra_body={LIKELIHOODS_KEY: wanted})

        return solve

    return distilbench_likelihood()


def likelihood_scorer(metric: str) -> Scorer:
    """Inspect scorer: whether the choice that is taken is the right one; 1 or 0."""
    from inspect_ai.scorer import Score, Target, accuracy, scorer, stderr
    from inspect_ai.solver import TaskState

    @scorer(metrics=[accuracy(), stderr()], name="distilbench_likelihood")
    def distilbench_likelihood(metric: str) -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            told: list[Any] | None = (state.output.metadata or {}).get(LIKELIHOODS_KEY)
            if told is None:  # the engine died of it, or it does not fit
                return Score(value=0, answer=None, explanation="no likelihood was told")
            letters, choices = state.metadata["letters"], state.metadata["choices"]
            logprobs = [logprob for logprob, _, _ in told]
            answer = letters[chosen(logprobs, choices, metric)]
            return Score(
                value=int(answer == target.text),
                answer=answer,
                explanation=f"{metric} over log-probabilities",
                metadata={"log_probabilities": dict(zip(letters, logprobs, strict=True))},
            )

        return score

    return distilbench_likelihood(metric)
