"""Makes an Inspect task of a specification."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.tasks import _inspect_task, _local_file, _reasoning_gym
from distilbench.tasks._extract import extract
from distilbench.tasks._grade import grade
from distilbench.tasks._likelihood import (
    LIKELIHOODS_KEY,
    likelihood_scorer,
    likelihood_solver,
    request,
)
from distilbench.tasks._questions import Question, QuestionSet
from distilbench.tasks._spec import FileTask, InspectTask, ReasoningGymTask, TaskSpec

if TYPE_CHECKING:
    from inspect_ai import Task
    from inspect_ai.model import ChatMessage, GenerateConfig
    from inspect_ai.scorer import Scorer

_LETTERS_KEY = "letters"
_OPENERS = {"boxed": "\\boxed{", "boxed_choice": "\\boxed{", "####": "#### ", "choice": "("}


def make_questions(spec: TaskSpec, seed: int) -> QuestionSet:
    """The questions of a task: generated from the seed, read from its file, or those of an
    installed benchmark.

    Raises ``InputError`` if the generator refuses its params, the file is not as specified, or
    the benchmark cannot be had. Takes as long as the generator or the network does:
    ``attempt_questions`` is bounded.
    """
    if isinstance(spec, ReasoningGymTask):
        return _reasoning_gym.generate(spec, seed)
    if isinstance(spec, InspectTask):
        return _inspect_task.read(spec, seed)
    return _local_file.read(spec, seed)


def build_task(spec: TaskSpec, asked: QuestionSet, seed: int = 0) -> Task:
    """The Inspect task: questions with the same few-shot turns before each, and a scorer.

    Every model gets the same conversation: examples as turns of user and assistant, then the
    question. A provider for base models writes them out as text. An installed benchmark brings
    its own conversation and scorer; ``seed`` is the one that its questions were made with.
    """
    if isinstance(spec, InspectTask):
        return _inspect_task.build(spec, asked, seed)
    if isinstance(spec, FileTask) and spec.likelihood:
        return _likelihood_task(spec, asked)
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.solver import generate

    prefix = _prefix(spec, asked.examples)
    samples = [
        Sample(
            id=question.id,
            input=_with_system([*prefix, *_turns(spec, question)]),
            target=question.target,
            metadata={"cluster": question.cluster, _LETTERS_KEY: question.letters},
        )
        for question in asked.questions
    ]
    return Task(
        name=spec.name,
        dataset=MemoryDataset(samples, name=spec.name),
        solver=generate(),
        scorer=answer_scorer(*_extraction(spec), spec.grader),
        config=_limits(spec),
    )


def _likelihood_task(spec: FileTask, asked: QuestionSet) -> Task:
    """A task in which nothing is written: instruction, examples and question are one text, as
    lm-evaluation-harness makes it, without a chat template."""
    from inspect_ai import Task
    from inspect_ai.dataset import MemoryDataset, Sample

    shown = "".join(
        f"{_asked(spec, example)} {worked_answer(spec, example)}\n\n" for example in asked.examples
    )
    instruction = _instruction(spec)
    before = f"{instruction}\n\n{shown}" if instruction else shown
    samples = []
    for question in asked.questions:
        text = _asked(spec, question)
        metadata = {
            "cluster": question.cluster,
            _LETTERS_KEY: question.letters,
            "choices": list(question.choices or ()),
            LIKELIHOODS_KEY: request(spec, question, before, text),
        }
        samples.append(
            Sample(id=question.id, input=before + text, target=question.target, metadata=metadata)
        )
    return Task(
        name=spec.name,
        dataset=MemoryDataset(samples, name=spec.name),
        solver=likelihood_solver(),
        scorer=likelihood_scorer(spec.likelihood or "acc"),
    )


def data_files(spec: TaskSpec) -> list[Path]:
    """Files that a task reads: its questions', and its examples' if that is another."""
    if not isinstance(spec, FileTask):
        return []
    return [spec.file, *filter(None, [_local_file.examples_file(spec)])]


def answer_cue(spec: TaskSpec) -> dict[str, str]:
    """How to ask a thinking model for the answer of this task: words that lead to it (``lead``),
    and how the answer begins where the extraction looks for a mark (``opener``)."""
    if isinstance(spec, InspectTask):
        return {"lead": "ANSWER:", "opener": ""}  # what Inspect's own prompts ask for
    return {"lead": "The final answer is", "opener": _OPENERS.get(_extraction(spec)[0], "")}


def judge(spec: ReasoningGymTask | FileTask, output: str, question: Question) -> float:
    """Grade of a model's output, 1 or 0, as the task's scorer gives it."""
    answer = extract(output, *_extraction(spec), question.letters)
    return grade(answer, question.target, spec.grader)


def worked_answer(spec: ReasoningGymTask | FileTask, question: Question) -> str:
    """The reference answer as an example shows it."""
    if spec.template is None:
        return question.worked
    return spec.template.answer(question.worked, question.target)


def answer_scorer(how: str, pattern: str | None, grader: str) -> Scorer:
    """Inspect scorer: extract the answer from the output, then grade it; 1 or 0."""
    from inspect_ai.scorer import Score, Target, accuracy, scorer, stderr
    from inspect_ai.solver import TaskState

    @scorer(metrics=[accuracy(), stderr()], name="distilbench_answer")
    def distilbench_answer(how: str, pattern: str | None, grader: str) -> Scorer:
        async def score(state: TaskState, target: Target) -> Score:
            letters = state.metadata.get(_LETTERS_KEY)
            answer = extract(state.output.completion, how, pattern, letters)
            return Score(
                value=grade(answer, target.text, grader),
                answer=answer,
                explanation=f"extracted by {how!r}, compared by {grader!r}",
            )

        return score

    return distilbench_answer(how, pattern, grader)


def _prefix(spec: ReasoningGymTask | FileTask, examples: tuple[Question, ...]) -> list[ChatMessage]:
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem

    instruction = _instruction(spec)
    messages: list[ChatMessage] = [ChatMessageSystem(content=instruction)] if instruction else []
    for example in examples:
        messages += _turns(spec, example)
        messages.append(ChatMessageAssistant(content=worked_answer(spec, example)))
    return messages


def _turns(spec: ReasoningGymTask | FileTask, question: Question) -> list[ChatMessage]:
    """What is said before a question, and the question."""
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser

    kinds: dict[str, Any] = {"system": ChatMessageSystem, "assistant": ChatMessageAssistant}
    before = [kinds.get(role, ChatMessageUser)(content=said) for role, said in question.before]
    return [*before, ChatMessageUser(content=_asked(spec, question))]


def _with_system(messages: list[ChatMessage]) -> list[ChatMessage]:
    """One system message, at the beginning, where chat templates want it: the task's instruction
    and those of the conversations, each once."""
    from inspect_ai.model import ChatMessageSystem

    said = dict.fromkeys(message.text for message in messages if message.role == "system")
    if not said:
        return messages
    others = [message for message in messages if message.role != "system"]
    return [ChatMessageSystem(content="\n\n".join(said)), *others]


def _instruction(spec: ReasoningGymTask | FileTask) -> str | None:
    """The template's, in place of the task's."""
    if spec.template and spec.template.instruction is not None:
        return spec.template.instruction
    return spec.instruction


def _asked(spec: ReasoningGymTask | FileTask, question: Question) -> str:
    return spec.template.ask(question.text) if spec.template else question.text


def _limits(spec: ReasoningGymTask | FileTask) -> GenerateConfig:
    """Tokens and stops of an answer: the template's where it needs others."""
    from inspect_ai.model import GenerateConfig

    most, stop = spec.max_tokens, spec.stop
    if spec.template:
        most = max(most, spec.template.max_tokens or 0)
        stop = stop if spec.template.stop is None else spec.template.stop
    return GenerateConfig(max_tokens=most, stop_seqs=list(stop) or None)


def _extraction(spec: ReasoningGymTask | FileTask) -> tuple[str, str | None]:
    """How the answer is found, and the pattern of ``regex``. A choice stays a choice, whatever the
    template, but for one in a box."""
    chosen = spec.template.extract if spec.template else None
    if isinstance(spec, FileTask) and spec.choices:
        return ("boxed_choice" if chosen == "boxed" else "choice"), None
    if spec.template and chosen:
        return chosen, spec.template.pattern
    return spec.extract, spec.pattern
