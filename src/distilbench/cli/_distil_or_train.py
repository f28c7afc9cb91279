"""The command distil-or-train."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from distilbench.cli._options import here
from distilbench.cli._print import Json, print_json, print_line, print_table, si
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.compute import CapacityGap, DistilOrTrain

_FORMS = ("svg", "pdf", "png")


def register(app: typer.Typer) -> None:
    app.command("distil-or-train")(distil_or_train)


def distil_or_train(
    budget: Annotated[float, typer.Option(help="Budget in FLOPs, such as 1e21.")],
    student: Annotated[float, typer.Option(help="Student's parameters, embeddings left out.")],
    teacher: Annotated[float, typer.Option(help="Teacher's parameters, embeddings left out.")],
    teacher_tokens: Annotated[float, typer.Option(help="Tokens the teacher was trained on.")],
    extrapolate: Annotated[bool, typer.Option(help="Leave the fitted range.")] = False,
    out: Annotated[
        str | None,
        typer.Option(
            help="Draw the student's loss against the teacher's size: FILE.svg, .pdf or .png.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Which gives the lower loss under a budget, by the law of arXiv 2502.08606 (unverified)."""
    from distilbench.compute import Scenario, capacity_gap
    from distilbench.compute import distil_or_train as decide

    path = None if out is None else _file(out)
    scenarios: tuple[Scenario, ...] = (
        "best case",
        "teacher inference",
        "teacher pretraining",
        "both",
    )
    found = [
        decide(budget, student, teacher, teacher_tokens, scenario=s, extrapolate=extrapolate)
        for s in scenarios
    ]
    gap = capacity_gap(student, found[0].supervised.tokens, teacher_tokens)
    if path is not None:
        _draw(gap, teacher, path)
    if as_json:
        scenarios_found = [asdict(one) for one in found]
        print_json({"verified": False, "scenarios": scenarios_found, "capacity_gap": asdict(gap)})
        return
    _print(found, gap)
    if path is not None:
        print_line(path)


def _print(found: list[DistilOrTrain], gap: CapacityGap) -> None:
    rows = [
        (
            one.scenario,
            f"{one.supervised.loss:.4f}",
            f"{one.distilled.loss:.4f}" if one.distilled else "budget spent on the teacher",
            one.better,
        )
        for one in found
    ]
    columns = ("teacher paid for", "loss, trained", "loss, distilled", "better (unverified)")
    print_table(columns, rows)
    print_line(_sentence(gap))
    for text in (*found[0].outside, f"source: {found[0].source}", found[0].provenance):
        print_line(text)


def _sentence(gap: CapacityGap) -> str:
    from distilbench.compute import LAW_ERROR

    first, last = gap.points[0], gap.points[-1]
    best = f"the lowest loss, {gap.best.student_loss:.4f}, comes from one of"
    where = (
        f"Capacity gap (unverified): of teachers of {si(first.teacher_parameters)} to"
        f" {si(last.teacher_parameters)} weights, each trained on {si(gap.teacher_tokens)} tokens,"
        f" {best} {si(gap.best.teacher_parameters)}"
    )
    if gap.rise == 0:
        return f"{where}, the largest that the law was fitted on: no gap within its range"
    kept = "more" if gap.beyond_error else "less"
    return (
        f"{where}; the largest raises it by {gap.rise:.4f}, which is {kept} than the law's own"
        f" error of about {LAW_ERROR:.0%}"
    )


def _file(out: str) -> Path:
    path = here(out or ".", "file")
    form = path.suffix.lower().lstrip(".")
    if path.is_dir():
        raise InputError(f"--out {out!r}", "is a folder", "name a file")
    if form not in _FORMS:
        remedy = "end it in .svg, .pdf or .png"
        raise InputError(f"--out {out}", f"a figure has no form {form!r}", remedy)
    return path


def _draw(gap: CapacityGap, teacher: float, path: Path) -> None:
    from distilbench.files import write_bytes
    from distilbench.report import capacity_gap_chart
    from distilbench.report.paper import drawn

    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, drawn(capacity_gap_chart(gap, teacher), path.suffix.lower().lstrip(".")))
