"""Reads what ``oaieval`` of OpenAI's evals writes: JSON Lines, the first line says what was run."""

from __future__ import annotations

from typing import Any

from distilbench import InputError
from distilbench.interchange import (
    Imported,
    Importer,
    Naming,
    ResultFile,
    check_samples,
    share,
)


class OpenaiEvals(Importer):
    program = "OpenAI evals"
    reads = "what oaieval wrote (.jsonl), of evals that record matches"
    suffixes = (".jsonl",)

    def recognises(self, file: ResultFile) -> bool:
        return file.first_line.startswith(b'{"spec"') and b'"completion_fns"' in file.first_line

    def read(self, file: ResultFile, naming: Naming) -> list[Imported]:
        model, task = _what_was_run(file)
        matches = {n: line for n, line in _lines(file) if line.get("type") == "match"}
        samples = [_sample(line, f"{file.path}: line {n}") for n, line in matches.items()]
        reported = _reported(file)
        if not samples and reported is None:
            problem = "records no match and no accuracy"
            raise InputError(str(file.path), problem, "give the log of another eval")
        missing = check_samples(samples, {}, "accuracy", reported, str(file.path))
        return [
            Imported(
                tool="openai-evals",
                origin="openai-evals",
                model=model,
                task=task,
                source=file.path,
                facts={"reported_score": reported, "reported_metric": "accuracy"},
                samples=samples,
                # Without its report the eval was stopped, and who knows how many are left.
                missing="its final report is missing" if reported is None else missing,
            )
        ]


def _lines(file: ResultFile) -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(file.json_lines, start=1))


def _what_was_run(file: ResultFile) -> tuple[str, str]:
    spec = file.json_lines[0]["spec"]
    try:
        return str(spec["completion_fns"][0]), str(spec["eval_name"])
    except (KeyError, IndexError, TypeError) as error:
        where, problem = f"{file.path}: line 1", "field 'spec' says not what was run"
        raise InputError(where, problem, "give the log as oaieval wrote it") from error


def _reported(file: ResultFile) -> float | None:
    reports = [line["final_report"] for line in file.json_lines if "final_report" in line]
    last = reports[-1] if reports else None
    return share(last.get("accuracy")) if isinstance(last, dict) else None


def _sample(line: dict[str, Any], where: str) -> dict[str, Any]:
    data = line.get("data")
    data = data if isinstance(data, dict) else {}
    score = share(data.get("correct"))
    if score is None or "sample_id" not in line:
        problem = "a match without 'sample_id' or 'correct'"
        raise InputError(where, problem, "give the log as oaieval wrote it")
    return {
        "sample_id": str(line["sample_id"]),
        "score": score,
        "answer": str(data.get("picked") or data.get("sampled")),
        "target": str(data.get("expected")),
    }
