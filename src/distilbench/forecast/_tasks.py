"""What is known of a suite's tasks before they run: questions, lengths, what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distilbench.engines import check_tools
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.suite import Suite
    from distilbench.tasks import QuestionSet, TaskSpec

NOT_KNOWN = "not available"
_STATED = "as its package states"
_UNBOUNDED = 2048  # output tokens of a benchmark that sets no limit of its own


@dataclass(frozen=True)
class TaskPlan:
    """What is known of a task before it runs."""

    name: str
    questions: int | None
    counted: str
    """Where the number comes from."""
    characters: float | None
    """Mean of a prompt; null: not seen."""
    max_tokens: int
    epochs: int
    note: str | None = None


def task_plans(suite: Suite) -> list[TaskPlan]:
    from distilbench.tasks import attempt_questions

    wanted = [(task, suite.seeds[0]) for task in suite.tasks]
    attempted = attempt_questions(wanted)
    return [
        _task_plan(suite, task, made) for (task, _), made in zip(wanted, attempted, strict=True)
    ]


def notes(tasks: list[TaskPlan]) -> list[str]:
    notes = [task.note for task in tasks if task.note]
    stated = [t.name for t in tasks if t.counted == _STATED]
    if stated:
        notes.append(f"questions as their packages state, not counted: {', '.join(stated)}")
    return notes


def _calls(task: TaskSpec, made: QuestionSet) -> list[str]:
    """That an agent asks its model again and again, nobody knows how often."""
    if not made.tools:
        return []
    return [
        f"task {task.name!r} gives its model tools ({', '.join(made.tools)}): its figures are those"
        " of the first call of each question, and each further call reads the conversation again"
    ]


def _task_plan(suite: Suite, task: TaskSpec, made: QuestionSet | InputError) -> TaskPlan:
    from distilbench.tasks import InspectTask

    most = 0 if task.asks_likelihoods else task.max_tokens or _UNBOUNDED
    note = None
    if not isinstance(made, InputError):
        count: int | None = len(made.questions)
        counted, characters = "counted", _characters(task, made)
        for model in suite.models:
            check_tools(made.tools, task.name, model.name, model.source)
        skipped = [f"task {task.name!r}: {part.sentence}" for part in made.skipped]
        note = _refusal(task, made) or "; ".join([*skipped, *_calls(task, made)]) or None
    elif isinstance(task, InspectTask):
        count, counted = _stated(task)
        characters, note = None, str(made)
    else:
        raise made
    if count is not None and suite.limits.questions:
        count = min(count, suite.limits.questions)
    return TaskPlan(
        name=task.name,
        questions=count,
        counted=counted,
        characters=characters,
        max_tokens=min(most, suite.limits.max_tokens or most),
        epochs=(task.epochs or suite.epochs) * len(suite.seeds),
        note=note,
    )


def _characters(task: TaskSpec, made: QuestionSet) -> float:
    """Mean of what is read for a question: itself, examples, instruction; by likelihood all of it
    with each choice behind it, as the records count it."""
    count = max(1, len(made.questions))
    shown = sum(len(q.text) + len(q.worked) for q in made.examples)
    instruction = getattr(task, "instruction", None) or ""
    before = shown + len(instruction) + made.overhead_chars
    if not task.asks_likelihoods:
        return sum(len(q.text) for q in made.questions) / count + before
    choices = [(q, choice) for q in made.questions for choice in q.choices or ()]
    return sum(before + len(q.text) + len(choice) for q, choice in choices) / count


def _stated(task: Any) -> tuple[int | None, str]:
    """Questions of a benchmark that could not be fetched, as its package states them."""
    from distilbench.tasks import list_benchmarks

    sizes = {entry.name: entry.questions for entry in list_benchmarks()}
    count = sizes.get(task.inspect)
    asked = task.subset.questions if task.subset else task.questions
    if count is not None and asked:
        count = min(count, asked)
    return count, _STATED if count is not None else NOT_KNOWN


def _refusal(task: TaskSpec, made: QuestionSet) -> str | None:
    from distilbench.runner import no_sandbox

    reason = no_sandbox(made.sandbox)
    return f"task {task.name!r} {reason}: its questions would end as errors" if reason else None
