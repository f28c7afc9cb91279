"""The command that makes students: distill."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._boundary import TRAINING, need
from distilbench.cli._creation import Cards, Draws, Seed, plan_table
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.cli._progress_lines import Lines
from distilbench.durations import duration

if TYPE_CHECKING:
    from distilbench.distill import DistillResult, StageRecord


def register(app: typer.Typer) -> None:
    app.command()(distill)


def distill(
    recipe: Annotated[Path, typer.Argument(help="Recipe file (YAML).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder of students.")] = Path("students"),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what it would take, and do nothing.")
    ] = False,
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Make a distilled model, or what is missing of it, with every stage metered."""
    from distilbench.distill import load_recipe, run_recipe

    loaded = load_recipe(recipe)
    if dry_run:
        from distilbench.forecast import plan_recipe

        planned = plan_recipe(loaded, recipe.parent, tuple(cards or ()))
        facts = planned.facts if as_json else _in_words(planned.facts)
        plan_table(planned.plan, draws, seed, as_json, facts)
        return
    need(*TRAINING)
    result = run_recipe(loaded, recipe.parent, out, Lines(quiet=as_json).on_event)
    if as_json:
        print_json(_facts(result))
        return
    columns = (
        "stage", "attempt", "status", "time", "tokens", "reused", "FLOPs counted",
        "FLOPs by formula", "energy J", "peak MiB", "USD",
    )  # fmt: skip
    print_table(columns, [_row(record) for record in result.stages], loaded.name)
    before = f", {result.loss_before:.4f} before training" if result.loss_before else ""
    print_line(f"held-out loss: {result.loss:.4f} nats a token{before}")
    if result.trouble is not None:
        print_line(f"note: {result.trouble}")
    if result.accuracy is not None:
        print_line(f"held-out accuracy: {result.accuracy:.1%} of {result.questions} questions")
    print_line(f"student: {result.student_dir}")
    costs = f"distilbench compute {_card_id(result)} --cards {result.student_dir}"
    print_line(f"card: {result.card_file}; its cost: {costs}")


def _in_words(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts of a plan for people: hours as a duration."""
    return {
        name.replace("hours", "time"): duration(3600 * value) if "hours" in name else value
        for name, value in facts.items()
    }


def _row(record: StageRecord) -> tuple[Any, ...]:
    trial = "" if record.trial is None else f" ({record.trial})"
    peak = record.peak_memory_bytes
    return (
        f"{record.owner}: {record.stage}{trial}",
        record.attempt,
        record.status,
        None if record.wall_s is None else duration(record.wall_s),
        record.tokens,
        record.reused_tokens,
        _flops(record.flops_counted),
        _flops(record.flops_formula),
        None if record.energy_j is None else f"{record.energy_j:.4g}",
        None if peak is None else f"{peak / 2**20:,.0f}",
        None if record.usd is None else f"{record.usd:.4f}",
    )


def _flops(value: float | None) -> str | None:
    return None if value is None else f"{value:.3e}"


def _facts(result: DistillResult) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "student": str(result.student_dir),
        "card": str(result.card_file),
        "loss": result.loss,
        "loss_before": result.loss_before,
        "accuracy": result.accuracy,
        "questions": result.questions,
        "trial": result.trial,
        "trouble": result.trouble,
        "stages": [asdict(record) for record in result.stages],
    }


def _card_id(result: DistillResult) -> str:
    from distilbench.yaml_file import read_yaml

    return str(read_yaml(result.card_file, "id:").data["id"])
