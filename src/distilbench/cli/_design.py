"""The command design."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._creation import measure, quantity_range
from distilbench.cli._print import Json, print_json, print_line, print_table, si
from distilbench.cli._sizes import memory_bytes

if TYPE_CHECKING:
    from distilbench.compute import Quantity
    from distilbench.forecast.design import Design, KnownScore, Route

_TITLES = {
    "take": "as it is, in 16 bits",
    "quantize": "quantized",
    "fine-tune": "fine-tuned on gold answers",
    "distil": "distilled from a larger member of the family",
    "prune and distil": "a larger one pruned, then distilled from itself",
}


def register(app: typer.Typer) -> None:
    app.command()(design)


# Each of the list options may be given again for more values.
def design(
    task: Annotated[str, typer.Option(help="Benchmark, as gsm8k or math-500.")],
    memory: Annotated[str, typer.Option(help="Memory that it must run in, as 2GiB.")],
    usd: Annotated[float, typer.Option(min=0, max=1e12, help="US dollars to make it.")],
    accelerator: Annotated[
        str, typer.Option(help="What is rented; its key: distilbench accelerators.")
    ] = "h100-sxm",
    usd_per_hour: Annotated[
        float | None, typer.Option(min=0.001, max=1e6, help="Price of its hour; else assumed.")
    ] = None,
    context: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="Tokens of a question.")
    ] = 2048,
    slots: Annotated[int, typer.Option(min=1, max=1024, help="Questions decoded together.")] = 1,
    run: Annotated[list[str], typer.Option(help="Own run with scores on the task.")] = [],  # noqa: B006
    trial: Annotated[
        Path | None,
        typer.Option(help="Suite to run now, on few questions, as a run of --run."),
    ] = None,
    questions: Annotated[int, typer.Option(min=1, help="Questions of a trial's task.")] = 20,
    cards: Annotated[list[Path], typer.Option(help="Folder with further model cards.")] = [],  # noqa: B006
    top: Annotated[int, typer.Option(min=1, help="Routes shown of each kind.")] = 5,
    as_json: Json = False,
) -> None:
    """Routes to a small model under a budget: take, quantize, fine-tune, distil, or prune."""
    import distilbench

    if trial is not None:
        run = [*run, str(distilbench.run(trial, limit=questions).path)]
    found = distilbench.design(
        task, memory_bytes(memory) or 0, usd, accelerator=accelerator, usd_per_hour=usd_per_hour,
        context=context, slots=slots, cards=cards, runs=run,
    )  # fmt: skip
    if as_json:
        print_json(_data(found))
    else:
        _tell(found, top)


def _tell(found: Design, top: int) -> None:
    for kind, title in _TITLES.items():
        of_kind = [route for route in found.routes if route.kind == kind]
        if of_kind:
            _print(of_kind, title, top)
    for sentence in found.sentences:
        print_line(sentence)
    print_line(
        "Memory is estimated from the shape, training from 2 N and 6 N FLOPs a token and a"
        " utilisation; ranges: 5% to 95%. All routes, evidence and what is not known: --json"
    )


def _print(of_kind: list[Route], title: str, top: int) -> None:
    """A table of the first routes of a kind, and what is known and not known of the first."""
    trains = of_kind[0].tokens is not None
    rows = []
    for route in of_kind[:top]:
        memory = f"{route.memory_bytes / 2**20:,.0f}"
        row: list[str | None] = [route.student, route.quantization, memory]
        row += [si(route.flops_per_token), _score(route.scores)]
        paid = None if route.tokens is None else quantity_range(route.tokens)
        taught = [route.teacher, _score(route.teacher_scores), paid]
        rows.append([*row, *taught] if trains else row)
    columns = ["model", "file", "memory MiB", "FLOPs a token", "score before training"]
    further = ["teacher", "its score", "tokens for the money"]
    columns = [*columns, *further] if trains else [*columns[:4], "score"]
    more = len(of_kind) - len(rows)
    print_table(columns, rows, title + (f" (first {len(rows)} of {len(of_kind)})" if more else ""))
    for text in of_kind[0].evidence[:3]:
        print_line(f"  evidence: {text}")
    for text in of_kind[0].unknown:
        print_line(f"  not known: {text}")


def _score(scores: tuple[KnownScore, ...]) -> str | None:
    if not scores:
        return None
    first = scores[0]
    more = f"; {len(scores) - 1} more" if len(scores) > 1 else ""
    return f"{first.value:.4g} ({first.setting}){more}"


def _data(found: Design) -> dict[str, Any]:
    from dataclasses import asdict

    wish = found.wish
    return {
        "task": wish.benchmark,
        "memory_bytes": wish.memory_bytes,
        "usd": wish.usd,
        "usd_per_hour": _figure(wish.usd_per_hour),
        "accelerator": wish.accelerator.name,
        "setting": found.setting,
        "sentences": found.sentences,
        "routes": [
            {
                "kind": route.kind,
                "student": route.student,
                "teacher": route.teacher,
                "quantization": route.quantization,
                "memory_bytes": route.memory_bytes,
                "active_parameters": route.active_parameters,
                "flops_per_token": route.flops_per_token,
                "scores": [asdict(score) for score in route.scores],
                "teacher_scores": [asdict(score) for score in route.teacher_scores],
                "evidence": route.evidence,
                "not_known": route.unknown,
                "tokens": _figure(route.tokens),
                "usd_per_token": _figure(route.usd_per_token),
                "flops_per_trained_token": _figure(route.flops_per_trained_token),
            }
            for route in found.routes
        ],
    }


def _figure(value: Quantity | None) -> dict[str, Any] | None:
    """A figure and what it rests on, each with its assumption."""
    if value is None:
        return None
    return {**measure(value), "unknowns": {given.name: given.note for given in value.unknowns}}
