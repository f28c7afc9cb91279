"""Questions from a user's data file: read, checked row by row, examples drawn."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.tasks._cells import ABSENT, names_of, text_of, value_at
from distilbench.tasks._chat import Conversation, Turn, conversation_of
from distilbench.tasks._choice import letters_in
from distilbench.tasks._offered import Choices, choice_columns, choices_of, right_letters
from distilbench.tasks._questions import Question, QuestionSet, SkippedRows
from distilbench.tasks._reference import reference_of
from distilbench.tasks._rows import Row, Rows, read_rows
from distilbench.tasks._spec import FileTask
from distilbench.tasks._subset import draw

Same = tuple[str, frozenset[str]]
"""What makes two questions the same: their words, and those of their choices in any order."""


@dataclass(frozen=True)
class _Entry:
    """A row whose values can be asked; its answer is not yet understood."""

    where: str
    key: str
    text: str
    answer: Any
    choices: Choices | None
    cluster: str | None
    stratum: str | None
    before: tuple[Turn, ...] = ()

    @property
    def same(self) -> Same:
        choices = self.choices.offered.values() if self.choices else ()
        said = " ".join([*(said for _, said in self.before), self.text])
        return _words(said), frozenset(map(_words, choices))


_Asked = tuple[Question, Same]


def read(spec: FileTask, seed: int) -> QuestionSet:
    """Few-shot examples and questions. Examples are drawn by the seed, each question once; no
    question that is asked is among them, from whatever file they come."""
    asked, skipped = _questions(spec, spec.file)
    other = examples_file(spec)
    if other:
        nameless = spec.model_copy(update={"id": None, "cluster": None})
        pool, more = _questions(nameless, other)
        skipped += more
        known = {same for _, same in asked}
        examples = _draw(spec, [one for one in pool if one[1] not in known], kept=0, seed=seed)
    else:
        examples = _draw(spec, asked, kept=1, seed=seed)
        shown = {same for _, same in examples}
        asked = [one for one in asked if one[1] not in shown]
    questions, strata = [question for question, _ in asked], None
    if spec.subset:
        questions, strata = draw(questions, spec.subset, seed, f"task {spec.name!r}")
    return QuestionSet(
        examples=tuple(question for question, _ in examples),
        questions=tuple(questions[: spec.questions]),
        strata=strata,
        skipped=skipped,
    )


def _draw(spec: FileTask, pool: list[_Asked], kept: int, seed: int) -> list[_Asked]:
    """Examples, no two of one question; so many questions of the pool as ``kept`` are left."""
    distinct = list({same: (question, same) for question, same in reversed(pool)}.values())[::-1]
    if spec.fewshot > max(0, len(distinct) - kept):
        held = "different questions" if kept else "different questions that are not asked"
        raise InputError(
            str(spec.fewshot_file or spec.file),
            f"holds {len(distinct)} {held}, too few for {spec.fewshot} examples",
            "lower 'fewshot' of the task, or give other examples with 'fewshot_file'",
        )
    return random.Random(seed).sample(distinct, spec.fewshot)


def examples_file(spec: FileTask) -> Path | None:
    """The file of the examples, if it is not that of the questions."""
    one, other = spec.file, spec.fewshot_file
    if other is None or (one.exists() and other.exists() and one.samefile(other)):
        return None
    return other


def _words(text: str) -> str:
    return " ".join(text.casefold().split())


def _questions(spec: FileTask, path: Path) -> tuple[list[_Asked], tuple[SkippedRows, ...]]:
    """The questions of a file, and the count of rows left out."""
    if spec.answer in choice_columns(spec):
        raise InputError(
            str(path),
            f"has the right answer as the choice {spec.answer!r}: one letter would be right in all"
            " rows",
            "give a column with the choices of each row in an order of its own",
        )
    placed = read_rows(spec, path)
    stratify = spec.subset.stratify if spec.subset and path == spec.file else None
    _check_columns(spec, path, [row for _, row in placed if isinstance(row, dict)], stratify)
    entries = _entries(spec, placed, stratify)
    targets = iter(_targets(spec, str(path), [e for e in entries if isinstance(e, _Entry)]))
    read = [(e, next(targets) if isinstance(e, _Entry) else e) for e in entries]
    skipped = _skipped(spec, path, [t for _, t in read if isinstance(t, InputError)], len(placed))
    kept = [(e, t) for e, t in read if isinstance(e, _Entry) and isinstance(t, str)]
    _refuse_same_ids(spec, [entry for entry, _ in kept])
    return [(_question(spec, entry, target), entry.same) for entry, target in kept], skipped


def _check_columns(spec: FileTask, path: Path, rows: list[Row], stratify: str | None) -> None:
    wanted = [spec.question, spec.answer, *choice_columns(spec)]
    wanted += filter(None, (spec.labels, spec.id, spec.cluster, stratify))
    for column in wanted:
        if rows and all(value_at(row, column) is ABSENT for row in rows):
            names = dict.fromkeys(name for row in rows[:100] for name in names_of(row))
            remedy = f"name one of its columns in the task: {', '.join(names)[:400]}"
            if {".csv", ".tsv"} & set(path.suffixes):
                remedy += "; or all with 'columns', if the file has no row of headings"
            raise InputError(str(path), f"has no column {column!r}", remedy)


def _entries(spec: FileTask, placed: Rows, stratify: str | None) -> list[_Entry | InputError]:
    entries: list[_Entry | InputError] = []
    for number, (where, row) in enumerate(placed, start=1):
        try:
            entries.append(
                row if isinstance(row, InputError) else _entry(spec, where, number, row, stratify)
            )
        except InputError as error:
            entries.append(error)
    return entries


def _entry(spec: FileTask, where: str, number: int, row: Row, stratify: str | None) -> _Entry:
    def text(column: str) -> str:
        value = value_at(row, column)
        try:
            found = text_of(value)
        except ValueError as error:
            remedy = _inner(column, value) or "correct the row"
            raise InputError(where, f"column {column!r} {error}", remedy) from error
        if not found:
            raise InputError(where, f"column {column!r} is empty", "fill it or remove the row")
        return found

    question, before = _conversation(spec, where, row) or (text(spec.question), ())
    text(spec.answer)
    try:
        choices = choices_of(spec, row) if spec.choices else None
    except ValueError as error:
        raise InputError(
            where, str(error), "correct the row, or 'choices' and 'labels' of the task"
        ) from error
    return _Entry(
        where=where,
        key=text(spec.id) if spec.id else str(number),
        text=question,
        answer=value_at(row, spec.answer),
        choices=choices,
        cluster=text(spec.cluster) if spec.cluster else None,
        stratum=text(stratify) if stratify else None,
        before=before,
    )


def _conversation(spec: FileTask, where: str, row: Row) -> Conversation | None:
    """The question, if it is a list of chat messages."""
    try:
        found = conversation_of(value_at(row, spec.question))
    except ValueError as error:
        remedy = "correct the row, or name the column of the prompt alone as 'question'"
        raise InputError(where, f"column {spec.question!r} {error}", remedy) from error
    if found and found.before and spec.likelihood:
        raise InputError(
            where,
            f"column {spec.question!r} holds a conversation, which 'likelihood' scores as one text",
            "drop 'likelihood' of the task, or give one text",
        )
    return found


def _inner(column: str, value: Any) -> str | None:
    """How to name one value of a list or an object."""
    names = names_of({column: value}) if isinstance(value, dict) else []
    if isinstance(value, list):
        names = [f"{column}.0"]
    return f"name one value of it in the task, as {names[0]!r}, or correct it" if names else None


def _targets(spec: FileTask, file: str, entries: Sequence[_Entry]) -> list[str | InputError]:
    """The reference answer of each row: a letter where there are choices."""
    if spec.choices:
        asked = [(e.where, e.answer, e.choices) for e in entries if e.choices]
        return right_letters(spec, file, asked)
    boxed = any("\\boxed" in text_of(entry.answer) for entry in entries)
    targets: list[str | InputError] = []
    for entry in entries:
        try:
            targets.append(reference_of(spec, entry.answer, boxed))
        except ValueError as error:
            problem = f"column {spec.answer!r} {error}"
            remedy = "correct the row, or 'extract' of the task"
            if "more than one number" in problem:
                remedy = (
                    "say 'extract: whole' to compare all of it, or 'answer_is: worked' if these"
                    " are worked solutions that end in the answer"
                )
            targets.append(InputError(entry.where, problem, remedy))
    return targets


def _skipped(
    spec: FileTask, path: Path, bad: list[InputError], rows: int
) -> tuple[SkippedRows, ...]:
    """The rows left out. Raises the first one's error where they may not be, or all are bad."""
    if not bad:
        return ()
    first = bad[0]
    if spec.bad_rows == "refuse" or len(bad) == rows:
        more = f" ({len(bad) - 1:,} more of {rows:,} rows are bad too)" if len(bad) > 1 else ""
        skip = "" if len(bad) == rows else ", or leave bad rows out with 'bad_rows: skip'"
        raise InputError(first.where, first.problem + more, first.remedy + skip)
    place = first.where.removeprefix(f"{path}: ")
    said = f"{place}: {first.problem}"
    return (SkippedRows(file=path.name, skipped=len(bad), rows=rows, first=said),)


def _refuse_same_ids(spec: FileTask, entries: Sequence[_Entry]) -> None:
    seen: dict[str, str] = {}
    for entry in entries:
        if entry.key in seen:
            raise InputError(
                entry.where,
                f"has the id {entry.key!r} in column {spec.id!r}, as {seen[entry.key]} has",
                "make ids unique, or drop 'id' of the task",
            )
        seen[entry.key] = entry.where.rpartition(": ")[2]


def _question(spec: FileTask, entry: _Entry, target: str) -> Question:
    name = f"{spec.variant_of or spec.name}-{entry.key}"
    text, offered = entry.text, entry.choices.offered if entry.choices else {}
    if spec.lists_choices:
        text += "".join(f"\n{letter}. {said}" for letter, said in offered.items())
    scored = tuple(offered if spec.scored == "letter" else offered.values())
    if spec.blank and text.count(spec.blank) != 1:
        raise InputError(
            entry.where,
            f"holds the blank {spec.blank!r} {text.count(spec.blank)} times",
            "correct the row, or 'blank' of the task",
        )
    if spec.blank and not text.partition(spec.blank)[2].strip():
        raise InputError(
            entry.where,
            f"ends with the blank {spec.blank!r}, and what is scored stands behind it",
            "drop 'blank' of the task: then the choices are scored",
        )
    worked = target if offered else text_of(entry.answer)
    return Question(
        id=name,
        text=text,
        worked=offered[target] if offered and not spec.lists_choices else worked,
        target=target,
        cluster=entry.cluster or name,
        letters="".join(offered) if offered else letters_in(text),
        choices=scored if spec.likelihood else None,
        stratum=entry.stratum,
        before=entry.before,
    )
