"""The hub's evaluation results: ``.eval_results/*.yaml`` of a model's repository, made and read
back by huggingface_hub's own classes (https://huggingface.co/docs/hub/eval-results)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distilbench.files import write_text
from distilbench.publish._benchmarks import Benchmark, Unit, benchmark_of
from distilbench.publish._scored import Scored
from distilbench.yaml_file import yaml_text

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

    from distilbench.runner import Cell

FOLDER = ".eval_results"
_MADE_BY = "distilbench"


@dataclass(frozen=True)
class Filed:
    """A result with the benchmark of the hub that it counts for, and the file it stands in, from
    the top of the model's repository."""

    of: Scored
    benchmark: Benchmark
    entry: EvalResultEntry
    path: str


def filed(one: Scored, unit: Unit | None, source: str | None) -> Filed | str:
    """The hub's result of one task, or why there is none: a sentence without the task's name.

    ``unit``: of the benchmark's leaderboard, where that is not known here; ``source``: the address
    of a page that shows how the value came about.
    """
    if one.cell is None:
        return f"was measured by {one.row['origin']}; publish what that program writes"
    benchmark = benchmark_of(one.cell.task, one.one_of("data_revision"))
    if isinstance(benchmark, str):
        return benchmark
    if why := _not_whole(one, benchmark):
        return why
    if unit and benchmark.unit and unit != benchmark.unit:
        return f"its leaderboard is in {benchmark.unit}, not in {unit}"
    found = benchmark.unit or unit
    if found is None:
        return (
            f"whether the leaderboard of {benchmark.dataset} is in percent or in fractions is not"
            " known here; look at it, and say --unit percent or --unit fraction"
        )
    return Filed(one, benchmark, _entry(one, benchmark, found, source), _path(benchmark))


def _not_whole(one: Scored, benchmark: Benchmark) -> str:
    """Why this is no score of the benchmark; empty: it is one."""
    assert one.cell is not None
    asked, of = one.n_questions, benchmark.questions
    if of is None and _may_be_part(one.cell, asked):
        return f"{asked:,} questions are not known to be all that {benchmark.dataset} has"
    if of is not None and asked != of:
        return f"{asked:,} of {of:,} questions are no score of {benchmark.dataset}; ask all"
    if one.limited:
        return (
            f"{one.limited:,} of {one.n_samples:,} answers were kept back by a limit or the"
            " machine, and the hub's score has none; run it without that limit"
        )
    return ""


def _may_be_part(cell: Cell, asked: int) -> bool:
    """Whether the suite took some of the questions: as many as a bound, or a random part."""
    task = cell.task
    bounds = [getattr(task, "questions", None), cell.limits.questions]
    reached = any(bound is not None and asked >= bound for bound in bounds)
    return reached or getattr(task, "subset", None) is not None


def _entry(one: Scored, benchmark: Benchmark, unit: Unit, source: str | None) -> EvalResultEntry:
    from huggingface_hub import EvalResultEntry

    percent = unit == "percent"
    return EvalResultEntry(
        dataset_id=benchmark.dataset,
        task_id=benchmark.task,
        value=round(100 * one.accuracy, 2) if percent else round(one.accuracy, 4),
        dataset_revision=one.one_of("data_revision"),
        date=one.ended.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        source_url=source,
        source_name=f"{_MADE_BY} report" if source else None,
        notes="; ".join([_value_words(one, unit), *asked_words(one), *setup_words(one, benchmark)]),
    )


def _value_words(one: Scored, unit: Unit) -> str:
    low, high = (
        (f"{100 * one.low:.1f}", f"{100 * one.high:.1f}")
        if unit == "percent"
        else (f"{one.low:.3f}", f"{one.high:.3f}")
    )
    kind = "in percent" if unit == "percent" else "as a fraction"
    return f"accuracy {kind} over {one.n_questions:,} questions, 95% interval {low} to {high}"


def asked_words(one: Scored) -> list[str]:
    """How a task was asked: prompt, sampling, repetitions, what was cut. What is not known is not
    said."""
    said = [*_prompt(one), _sampling(one), *_repeated(one), *_cut(one)]
    return [words for words in said if words]


def setup_words(one: Scored, benchmark: Benchmark | None = None) -> list[str]:
    """What answered and who asked: weights, engine, program."""
    engine = (one.one_of("engine"), one.one_of("engine_version"))
    said = [
        _weights(one),
        " ".join(str(words) for words in engine if words),
        benchmark.note if benchmark else "",
        f"{_MADE_BY} {version(_MADE_BY)}" if one.cell else str(one.row["origin"]),
    ]
    return [words for words in said if words]


def _prompt(one: Scored) -> list[str]:
    task = one.cell.task if one.cell else None
    args: dict[str, Any] = dict(getattr(task, "args", None) or {})
    shots = args.pop("fewshot", getattr(task, "fewshot", None))
    args.pop("revision", None)
    shown = [] if shots is None else [f"{shots}-shot"]
    return [*shown, *(f"{name}={value}" for name, value in args.items())]


def _sampling(one: Scored) -> str:
    temperature = one.one_of("temperature")
    if temperature is None:
        return ""
    if temperature == 0:
        return "greedy"
    rest = [f"{name} {value:g}" for name in ("top_p", "top_k", "min_p") if (value := one.row[name])]
    return ", ".join([f"temperature {temperature:g}", *rest])


def _repeated(one: Scored) -> list[str]:
    said = []
    if (epochs := one.one_of("epochs")) and epochs > 1:
        said.append(f"mean of {epochs} answers to each question")
    if one.seeds > 1:
        said.append(f"mean over {one.seeds} seeds")
    if thinking := one.one_of("thinking_tokens"):
        said.append(f"thinking budget {thinking:,} tokens")
    return said


def _cut(one: Scored) -> list[str]:
    cut = one.outcomes.get("length", 0)
    return [f"{cut:,} of {one.n_samples:,} answers cut off by the token limit"] if cut else []


def _weights(one: Scored) -> str:
    if one.one_of("model_sha256") is None:
        return "weights not seen: answered by a server"
    kind = one.one_of("quantization") or "weights of a kind that the file does not state"
    file = one.cell.file.name if one.cell and one.cell.file else ""
    return f"{kind} weights ({file})" if file and "weights" not in kind else kind


def _path(benchmark: Benchmark) -> str:
    """Named after us, so that it takes no other file's place."""
    task = "".join(c if c.isalnum() or c in "._-" else "-" for c in benchmark.task)
    owner = benchmark.dataset.replace("/", "--")
    return f"{FOLDER}/{_MADE_BY}--{owner}--{task}.yaml"


def write_result(result: Filed, folder: Path) -> Path:
    """Write the file below ``folder``, and see that huggingface_hub reads what was meant."""
    from huggingface_hub import eval_result_entries_to_yaml

    path = folder / result.path
    write_text(path, yaml_text(eval_result_entries_to_yaml([result.entry])))
    if read_results(path.read_text("utf-8")) != [result.entry]:
        raise RuntimeError(f"{path} is read as something else than what was written")
    return path


def read_results(text: str) -> list[EvalResultEntry]:
    """Entries of such a file. Raises ``ValueError`` if it holds no list of results."""
    import yaml
    from huggingface_hub import parse_eval_result_entries

    try:
        data = yaml.safe_load(text)
        if not isinstance(data, list):
            raise ValueError("no list of results")
        return parse_eval_result_entries(data)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no list of results ({type(error).__name__})") from error
