"""Benchmarks: Inspect tasks of installed packages, found by their registered names, or of the hub.

A task keeps its own prompts, solver, scorer and sandbox. What is fixed here is which questions are
asked, so that every model answers the same ones and a data set that changed is noticed. Code comes
from installed packages alone, never from a suite; a model's code runs in a sandbox or not at all.
"""

from __future__ import annotations

import os
import random
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.inspect_private import (
    create_task,
    scorer_name,
    task_parameters,
)
from distilbench.registry import of_packages
from distilbench.tasks._hub_file import fetch, hub_name
from distilbench.tasks._not_built import explained
from distilbench.tasks._questions import Question, QuestionSet
from distilbench.tasks._spec import InspectTask
from distilbench.tasks._subset import draw
from distilbench.tasks._task_file import file_version, names_a_file, task_in_file
from distilbench.tasks._tools import tools_of

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessage

INSTALL = "pip install 'distilbench[benchmarks]'"
# The score that counts where a task gives several and a suite does not say which.
MAIN_SCORES = {
    # one of its scorers would ask a model to grade; the others compare
    "inspect_evals/math": "expression_exact_match",
    "inspect_evals/ifeval": "prompt_level_strict",
}
# Inspect's tools that work in a sandbox; others of these names would run code on this machine.
_RUN_CODE = frozenset(("bash", "bash_session", "computer", "python", "text_editor"))
_DEFAULT_MAX_TOKENS = 2048
_PROBED = 3  # questions whose whole prompt is looked at
_MOST_WAIT_S = 5.0


def package_version(spec: InspectTask) -> str:
    """Version of the package that registers the task, or that builds one of the hub; of a file
    its hash; "" if it is not installed."""
    if names_a_file(spec):
        return file_version(spec)
    if spec.inspect.startswith("hf/"):
        return f"inspect_ai {version('inspect_ai')}"
    package = spec.inspect.partition("/")[0]
    for point in of_packages("inspect_ai"):
        if point.name == package and point.dist:
            return f"{point.dist.name} {point.dist.version}"
    return ""


def main_score(spec: InspectTask) -> str | None:
    """Name of the score that counts; null: the task's first."""
    return spec.score or MAIN_SCORES.get(spec.inspect)


def read(spec: InspectTask, seed: int) -> QuestionSet:
    """Fetch a benchmark's data set and choose its questions.

    Raises ``InputError`` if the task is not installed, refuses its arguments, its data set cannot
    be fetched, or it would run code outside of a sandbox.
    """
    task, commit = _create(spec, seed)
    samples = _by_id(task)
    strata: dict[str, int] | None = None
    asked = [_question(spec, key, sample) for key, sample in samples.items()]
    if not asked:
        raise InputError(_where(spec), "its data set is empty", "correct 'args' of the task")
    if spec.subset:
        asked, strata = draw(asked, spec.subset, seed, _where(spec))
    asked = asked[: spec.questions]
    sandbox = _sandbox(spec, task)
    tools = tools_of(task, samples[asked[0].id]) if commit is None else ()
    _check_tools(spec, tools, sandbox)
    return QuestionSet(
        examples=(),
        questions=tuple(asked),
        strata=strata,
        sandbox=sandbox,
        tools=tools,
        revision=commit,
        overhead_chars=_overhead(task, [samples[q.id] for q in asked[:_PROBED]]),
    )


def build(spec: InspectTask, asked: QuestionSet, seed: int) -> Task:
    """The Inspect task with the questions that were chosen, once each, and the scorer that counts.

    Raises ``InputError`` if a question is not what it was when the questions were chosen.
    """
    from inspect_ai import Epochs, task_with
    from inspect_ai.dataset import MemoryDataset

    task, _ = _create(spec, seed, asked.revision)
    samples = _by_id(task)
    for question in asked.questions:
        found = samples.get(question.id)
        if found is None or _question(spec, question.id, found).text != question.text:
            raise InputError(
                _where(spec),
                f"question {question.id!r} is not what it was when the run began",
                "its data set has changed: run in another folder (--out)",
            )
    chosen = [samples[question.id] for question in asked.questions]
    own = task.config.max_tokens or _DEFAULT_MAX_TOKENS
    return task_with(
        task,
        name=spec.name,
        dataset=MemoryDataset(chosen, name=spec.name),
        scorer=_scorers(spec, task),
        epochs=Epochs(1, "mean"),
        config=task.config.model_copy(update={"max_tokens": spec.max_tokens or own}),
        sandbox=spec.sandbox or task.sandbox,
    )


def prompts(task: Task, samples: list[Sample]) -> list[list[ChatMessage]]:
    """The conversations that the task's solver sends first, as far as they can be had without a
    model; a question's own input where they cannot."""
    import anyio

    async def all_prompts() -> list[list[ChatMessage]]:
        return [await _prompt(task, sample) for sample in samples]

    return anyio.run(all_prompts)


def _create(spec: InspectTask, seed: int, commit: str | None = None) -> tuple[Task, str | None]:
    """The task, and the commit of the hub that it is of where the hub describes it."""
    name = hub_name(spec)
    _offline_if_unreachable()
    if name is not None:
        try:
            return fetch(spec, name, commit, seed)
        except InputError:
            raise
        except Exception as error:  # whatever the hub's client or Inspect raises
            raise explained(spec, error) from error
    return _registered(spec, seed), None


def _registered(spec: InspectTask, seed: int) -> Task:
    if names_a_file(spec):
        make, known = task_in_file(spec)
    else:
        make, known = None, _parameters(spec)
    if unknown := [name for name in spec.args if name not in known]:
        raise InputError(
            f"{_where(spec)}: field 'args.{unknown[0]}'",
            f"{spec.inspect} has no such argument",
            f"it has: {', '.join(known) or 'none'}",
        )
    _seed_globally(seed)
    try:
        return make(**spec.args) if make else create_task(spec.inspect, spec.args)
    except Exception as error:  # whatever an installed task raises
        raise explained(spec, error) from error


def _parameters(spec: InspectTask) -> list[str]:
    """Names of the arguments of a registered task."""
    package = spec.inspect.partition("/")[0]
    if not package_version(spec):
        raise InputError(
            _where(spec), f"no package {package!r} with Inspect tasks is installed", INSTALL
        )
    known = task_parameters(spec.inspect)
    if known is None:
        raise InputError(
            _where(spec),
            f"{package} has no task {spec.inspect!r}",
            f"see its names: distilbench tasks {package}",
        )
    return known


def _offline_if_unreachable() -> None:
    """Use what is cached at once where the Hugging Face hub does not answer: its clients would
    wait for minutes first."""
    import httpx

    hub = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if "HF_HUB_OFFLINE" in os.environ:
        return
    try:
        httpx.head(hub, timeout=_MOST_WAIT_S)
    except httpx.HTTPError:
        os.environ["HF_HUB_OFFLINE"] = "1"


def _seed_globally(seed: int) -> None:
    """Tasks that shuffle without a seed take it from here, so that every process gets one order."""
    import numpy as np

    random.seed(seed)
    np.random.seed(seed % 2**32)


def _by_id(task: Task) -> dict[str, Sample]:
    """Samples by id, which is the place in the data set where the task gives none. Of samples
    that share an id, the first is taken."""
    samples: dict[str, Sample] = {}
    for place, sample in enumerate(task.dataset, start=1):
        if sample.id is None:
            sample.id = place
        samples.setdefault(str(sample.id), sample)
    return samples


def _question(spec: InspectTask, key: str, sample: Sample) -> Question:
    metadata = sample.metadata or {}
    target = sample.target if isinstance(sample.target, str) else "; ".join(sample.target)
    return Question(
        id=key,
        text=_text(sample),
        worked=target,
        target=target,
        cluster=str(_held(spec, metadata, spec.cluster, "cluster") if spec.cluster else key),
        stratum=str(_held(spec, metadata, spec.subset.stratify, "subset.stratify"))
        if spec.subset and spec.subset.stratify
        else None,
    )


def _held(spec: InspectTask, metadata: dict[str, Any], key: str, field: str) -> Any:
    if key not in metadata:
        raise InputError(
            f"{_where(spec)}: field {field!r}",
            f"questions of {spec.inspect} have no metadata {key!r}",
            f"they have: {', '.join(metadata) or 'none'}",
        )
    return metadata[key]


def _text(sample: Sample) -> str:
    asked = sample.input if isinstance(sample.input, str) else _joined(sample.input)
    return "\n".join([asked, *(sample.choices or [])])


def _joined(messages: list[ChatMessage]) -> str:
    return "\n".join(message.text for message in messages)


def _sandbox(spec: InspectTask, task: Task) -> str | None:
    specs = [task.sandbox, *(sample.sandbox for sample in task.dataset)]
    kinds = {s.type for s in specs if s is not None}
    if "local" in kinds:
        raise InputError(
            _where(spec),
            f"{spec.inspect} would run a model's code on this machine unguarded",
            "set 'sandbox: docker' in its args, or leave the task out",
        )
    return spec.sandbox if kinds and spec.sandbox else next(iter(sorted(kinds)), None)


def _check_tools(spec: InspectTask, tools: tuple[str, ...] | None, sandbox: str | None) -> None:
    if sandbox is None and (running := _RUN_CODE.intersection(tools or ())):
        raise InputError(
            _where(spec),
            f"its tools run what a model writes ({', '.join(sorted(running))}), and it names no"
            " sandbox to run that in",
            "set 'sandbox: docker' of the task in the suite",
        )


def _scorers(spec: InspectTask, task: Task) -> Any:
    """The scorer that counts alone, where the task has several."""
    scorers = list(task.scorer or [])
    if len(scorers) < 2:
        return scorers
    names = [scorer_name(scorer) for scorer in scorers]
    wanted = main_score(spec)
    if wanted is not None and wanted not in names:
        raise InputError(
            f"{_where(spec)}: field 'score'",
            f"{spec.inspect} has no scorer {wanted!r}",
            f"name one of: {', '.join(names)}",
        )
    return [scorers[names.index(wanted) if wanted else 0]]


def _overhead(task: Task, samples: list[Sample]) -> int:
    """Mean characters of a prompt beyond those of its question."""
    sent = [len(_joined(messages)) for messages in prompts(task, samples)]
    bare = [len(_text(sample)) for sample in samples]
    return max(0, round((sum(sent) - sum(bare)) / len(samples)))


async def _prompt(task: Task, sample: Sample) -> list[ChatMessage]:
    from inspect_ai.model import ChatMessageUser, ModelName, ModelOutput
    from inspect_ai.scorer import Target
    from inspect_ai.solver import TaskState

    start: list[ChatMessage] = (
        [ChatMessageUser(content=sample.input)]
        if isinstance(sample.input, str)
        else list(sample.input)
    )
    first: list[list[ChatMessage]] = []

    async def note(state: TaskState, *_: Any, **__: Any) -> TaskState:
        first.append(list(state.messages))
        state.output = ModelOutput.from_content("none", "")
        return state

    state = TaskState(
        ModelName("none/none"), sample.id or 0, 1, sample.input, list(start),
        Target(sample.target), sample.choices, metadata=dict(sample.metadata or {}),
    )  # fmt: skip
    if _uses_sandbox(task, sample):
        return start
    try:
        await task.solver(state, note)
    except Exception:  # a solver that needs a running evaluation
        return first[0] if first else start
    return first[0] if first else start


def _uses_sandbox(task: Task, sample: Sample) -> bool:
    """Agents talk to their sandbox before they talk to the model; scorers do not matter here."""
    return bool(task.setup) or sample.sandbox is not None


def _where(spec: InspectTask) -> str:
    return f"task {spec.name!r}"
