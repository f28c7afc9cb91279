"""The command that makes students: distill."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._boundary import TRAINING, need
from distilbench.cli._creation import Cards, Draws, Seed, plan_table
from distilbench.cli._print import Json, print_json, print_table

if TYPE_CHECKING:
    from distilbench.distill import DistillResult, StageRecord

_LINE_S = 10.0  # between lines of progress in a training


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
    from distilbench.distill import load_recipe, plan_recipe, run_recipe

    loaded = load_recipe(recipe)
    if dry_run:
        planned = plan_recipe(loaded, recipe.parent, tuple(cards or ()))
        plan_table(planned.plan, draws, seed, as_json, planned.facts)
        return
    need(*TRAINING)
    result = run_recipe(loaded, recipe.parent, out, Lines(quiet=as_json).on_event)
    if as_json:
        print_json(_facts(result))
        return
    columns = (
        "stage", "attempt", "status", "wall s", "tokens", "reused", "FLOPs counted",
        "FLOPs by formula", "energy J", "peak MiB", "USD",
    )  # fmt: skip
    print_table(columns, [_row(record) for record in result.stages], loaded.name)
    before = f", {result.loss_before:.4f} before training" if result.loss_before else ""
    print(f"held-out loss: {result.loss:.4f} nats a token{before}")
    if result.accuracy is not None:
        print(f"held-out accuracy: {result.accuracy:.1%} of {result.questions} questions")
    print(f"student: {result.student_dir}")
    print(f"card: {result.card_file}; its cost: distilbench compute {_card_id(result)}", end="")
    print(f" --cards {result.student_dir}")


class Lines:
    """Progress as lines on standard error."""

    def __init__(self, quiet: bool) -> None:
        self._quiet, self._last = quiet, 0.0

    def on_event(self, event: dict[str, Any]) -> None:
        """Take one event of :func:`distilbench.distill.run_recipe`."""
        text = self._text(event)
        if text and not self._quiet:
            print(text, file=sys.stderr, flush=True)

    def _text(self, event: dict[str, Any]) -> str | None:
        kind = event["event"]
        if kind == "teacher":
            return f"the teacher first: {event['recipe']}"
        if kind in ("generate", "score"):
            verb = "generates" if kind == "generate" else "scores"
            return f"the teacher {verb} {event['total']} texts, {event['reused']} are in the cache"
        if kind == "rejected":
            return f"{event['kept']} of {event['total']} answers are right and kept"
        if kind == "train":
            return f"training: {event['steps']} steps, from step {event['from']}"
        if kind == "loss" and time.monotonic() - self._last >= _LINE_S:
            self._last = time.monotonic()
            return f"step {event['step']}: loss {event['loss']:.4f}"
        if kind == "trial":
            return f"trial {event['trial']}: held-out loss {event['loss']:.4f}"
        return None


def _row(record: StageRecord) -> tuple[Any, ...]:
    trial = "" if record.trial is None else f" ({record.trial})"
    peak = record.peak_memory_bytes
    return (
        f"{record.owner}: {record.stage}{trial}",
        record.attempt,
        record.status,
        None if record.wall_s is None else f"{record.wall_s:.1f}",
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
        "stages": [asdict(record) for record in result.stages],
    }


def _card_id(result: DistillResult) -> str:
    import yaml

    return str(yaml.safe_load(result.card_file.read_text("utf-8"))["id"])
