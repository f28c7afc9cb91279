"""Questions from a user's JSON Lines, CSV or Parquet file."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.errors import InputError
from distilbench.tasks._choice import letters_in
from distilbench.tasks._extract import extract, marked_answer
from distilbench.tasks._questions import Question, QuestionSet
from distilbench.tasks._spec import FileTask
from distilbench.tasks._subset import draw

if TYPE_CHECKING:
    import polars as pl

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def read(spec: FileTask, seed: int) -> QuestionSet:
    """Few-shot examples and questions. Examples are drawn by the seed; drawn from the same file,
    they are not asked."""
    questions = _questions(spec, spec.file)
    pool = _questions(spec, spec.fewshot_file) if spec.fewshot_file else questions
    if spec.fewshot > len(pool) - (pool is questions):
        raise InputError(
            str(spec.fewshot_file or spec.file),
            f"holds {len(pool)} rows, too few for {spec.fewshot} examples",
            "lower 'fewshot' of the task",
        )
    examples = random.Random(seed).sample(pool, spec.fewshot)
    if pool is questions:
        shown = {example.id for example in examples}
        questions = [question for question in questions if question.id not in shown]
    strata = None
    if spec.subset:
        questions, strata = draw(questions, spec.subset, seed, f"task {spec.name!r}")
    return QuestionSet(
        examples=tuple(examples), questions=tuple(questions[: spec.questions]), strata=strata
    )


def _questions(spec: FileTask, path: Path) -> list[Question]:
    table = _table(path)
    if table.is_empty():
        raise InputError(str(path), "holds no rows", "give a file with questions")
    wanted = [spec.question, spec.answer, *_choice_columns(spec)]
    stratify = spec.subset.stratify if spec.subset and path == spec.file else None
    for column in (*wanted, *filter(None, (spec.id, spec.cluster, stratify))):
        if column not in table.columns:
            raise InputError(
                str(path),
                f"has no column {column!r}",
                f"name one of its columns in the task: {', '.join(table.columns)}",
            )
    return [
        _question(spec, path, number, row, stratify)
        for number, row in enumerate(table.iter_rows(named=True), start=1)
    ]


def _table(path: Path) -> pl.DataFrame:
    import polars as pl

    readers: dict[str, Any] = {
        ".jsonl": lambda: pl.read_ndjson(path, infer_schema_length=None),
        ".ndjson": lambda: pl.read_ndjson(path, infer_schema_length=None),
        ".csv": lambda: pl.read_csv(path, infer_schema=False),
        ".parquet": lambda: pl.read_parquet(path),
    }
    if path.suffix.lower() not in readers:
        raise InputError(str(path), "is no .jsonl, .csv or .parquet file", "convert it to one")
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "correct 'file' of the task")
    try:
        table: pl.DataFrame = readers[path.suffix.lower()]()
    except pl.exceptions.NoDataError:
        return pl.DataFrame()
    except (pl.exceptions.PolarsError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(str(path), f"cannot be read ({reason})", "mend the file") from error
    return table


def _question(
    spec: FileTask, path: Path, number: int, row: dict[str, Any], stratify: str | None
) -> Question:
    where = f"{path}: row {number}"
    for column in (spec.question, spec.answer):
        if row[column] is None or not str(row[column]).strip():
            raise InputError(where, f"column {column!r} is empty", "fill it or remove the row")
    text, worked = str(row[spec.question]).strip(), str(row[spec.answer]).strip()
    choices = _choices(spec, row)
    if choices:
        worked = _letter(where, worked, choices)
        text += "".join(f"\n{letter}. {choice}" for letter, choice in choices.items())
    key = str(row[spec.id]) if spec.id else str(number)
    return Question(
        id=f"{spec.variant_of or spec.name}-{key}",
        text=text,
        worked=worked,
        target=worked if choices else _target(spec, where, worked),
        cluster=str(row[spec.cluster]) if spec.cluster else f"{spec.variant_of or spec.name}-{key}",
        letters="".join(choices) or letters_in(text),
        stratum=str(row[stratify]) if stratify else None,
    )


def _target(spec: FileTask, where: str, worked: str) -> str:
    """The reference answer by the same rule; the whole column where the rule is for outputs."""
    if spec.extract == "####":
        target = marked_answer(worked)
    elif spec.extract in ("boxed", "regex"):
        target = extract(worked, spec.extract, spec.pattern) or worked
    else:
        target = extract(worked, spec.extract)
    if target is None:
        raise InputError(
            where,
            f"column {spec.answer!r} holds no answer by the rule {spec.extract!r}",
            "correct the row, or 'extract' of the task",
        )
    return target


def _choice_columns(spec: FileTask) -> tuple[str, ...]:
    return (spec.choices,) if isinstance(spec.choices, str) else spec.choices or ()


def _choices(spec: FileTask, row: dict[str, Any]) -> dict[str, str]:
    values = [row[column] for column in _choice_columns(spec)]
    if isinstance(spec.choices, str) and isinstance(values[0], list):
        values = values[0]
    return dict(zip(_LETTERS, (str(v).strip() for v in values if v is not None), strict=False))


def _letter(where: str, answer: str, choices: dict[str, str]) -> str:
    """The letter of the right choice, given as letter, as index from 0, or as its text."""
    if answer.upper() in choices:
        return answer.upper()
    for letter, choice in choices.items():
        if choice == answer:
            return letter
    if answer.isdecimal() and int(answer) < len(choices):
        return _LETTERS[int(answer)]
    raise InputError(where, f"the answer {answer!r} is none of the choices", "correct the row")
