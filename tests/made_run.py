"""A run directory with transcripts, made without asking a model: of each answer its words and
tokens are chosen, and Inspect writes the logs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspect_ai.log import (
    EvalConfig,
    EvalDataset,
    EvalError,
    EvalLog,
    EvalSample,
    EvalSpec,
    write_eval_log,
)
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessageAssistant,
    ChatMessageUser,
    ContentReasoning,
    ContentText,
    ModelOutput,
    ModelUsage,
)
from inspect_ai.scorer import Score

from distilbench.runner import Cell, collect, load_cells, plan
from distilbench.runner._run import _write_run_facts, prepare_questions
from distilbench.runner._store import (
    finish_cell,
    finish_shard,
    log_folder,
    questions_file,
    read_questions,
    shards_of,
)
from distilbench.suite import read_suite
from distilbench.transcripts import JOURNAL, journal_line

FACTS = {"machine": "m", "begun": 0.0, "wall_s": 1.0, "energy_method": None}
SPEC = EvalSpec(
    created="2026-01-01T00:00:00+00:00", task="t", dataset=EvalDataset(), model="mockllm/m",
    config=EvalConfig(),
)  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """What a model says to a question (null: an error), and what that takes."""

    said: str | None
    right: bool
    tokens: int = 3
    seconds: float = 1.0
    stop: str = "stop"
    thought: str | None = None


Answers = dict[tuple[str, str], Sequence[Answer]]
"""By model and task, one for each question; fewer than there are: the cell is under way."""


def make(folder: Path, answers: Answers, name: str = "made", first: int = 1) -> Path:
    """The run directory; question n of a task is ``What is n + n?``, asked behind an example;
    ``first`` is the number of the first."""
    models = list(dict.fromkeys(model for model, _ in answers))
    tasks = list(dict.fromkeys(task for _, task in answers))
    most = max(map(len, answers.values()))
    file = folder / "questions.jsonl"
    rows = [
        {"question": f"What is {n} + {n}?", "answer": str(2 * n)}
        for n in range(first, first + most)
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    given = read_suite(
        {
            "name": name,
            "models": [{"source": "inspect:mockllm/m", "name": model} for model in models],
            "tasks": [{"file": str(file), "name": t, "fewshot": 0} for t in tasks],
            "profiles": [{"slots": 4}],
        }
    )
    run = folder / name
    cells = plan(given.suite, Path(), name)
    prepare_questions(run, cells)
    _write_run_facts(run, name, cells, (0,))
    (run / "suite.yaml").write_text(f"name: {name}\n")
    for cell in load_cells(run):
        write_cell(run, cell, answers.get((cell.model.name, cell.task.name), ()))
    if all((run / "cells" / cell.name / "cell.json").is_file() for cell in cells):
        collect(run, cells)
    return run


def write_cell(run: Path, cell: Cell, answers: Sequence[Answer]) -> None:
    """Finished if there is an answer to each question; else what there is stands in its journal."""
    asked = read_questions(questions_file(run, cell))
    (shard,) = shards_of(run, cell)
    samples = [sample(run, cell, n, answer) for n, answer in enumerate(answers)]
    if len(samples) < len(asked.questions):
        append(run, cell, samples)
        return
    logs = log_folder(run, cell, shard)
    logs.mkdir(parents=True)
    write_eval_log(EvalLog(eval=SPEC, status="success", samples=samples), str(logs / "a.eval"))
    finish_shard(run, cell, shard, asked, dict(FACTS), None)
    finish_cell(run, cell)


def append(run: Path, cell: Cell, samples: Sequence[EvalSample]) -> None:
    (shard,) = shards_of(run, cell)
    logs = log_folder(run, cell, shard)
    logs.mkdir(parents=True, exist_ok=True)
    with (logs / JOURNAL).open("ab") as journal:
        journal.writelines(map(journal_line, samples))


def sample(run: Path, cell: Cell, number: int, answer: Answer) -> EvalSample:
    """Question ``number`` of a cell, answered."""
    question = read_questions(questions_file(run, cell)).questions[number]
    prompt = [
        ChatMessageUser(content="What is 1 + 1?", source="input"),
        ChatMessageAssistant(content="2", source="input"),
        ChatMessageUser(content=question.text, source="input"),
    ]
    if answer.said is None:
        error = EvalError(message="refused", traceback="", traceback_ansi="")
        return EvalSample(id=question.id, epoch=1, input=prompt, target=question.target,
                          messages=prompt, error=error)  # fmt: skip
    content = (
        answer.said
        if answer.thought is None
        else [ContentReasoning(reasoning=answer.thought), ContentText(text=answer.said)]
    )
    said = ChatMessageAssistant(content=content, source="generate", model="m")
    return EvalSample(
        id=question.id,
        epoch=1,
        input=prompt,
        messages=[*prompt, said],
        target=question.target,
        output=ModelOutput(
            model="m",
            choices=[ChatCompletionChoice(message=said, stop_reason=answer.stop)],  # type: ignore[arg-type]
            usage=ModelUsage(input_tokens=9, output_tokens=answer.tokens),
        ),
        scores={
            "distilbench_answer": Score(
                value=float(answer.right),
                answer=answer.said.split()[-1] if answer.said.split() else None,
                explanation="extracted by 'last_number'",
            )
        },
        total_time=answer.seconds,
    )
