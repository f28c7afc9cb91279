"""Commands on creation cost: compute, compare, plan-distillation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._options import MODEL_HELP, AnyScope, ModelName
from distilbench.cli._print import Json, print_json, print_line, print_table, si
from distilbench.named import named_cards

if TYPE_CHECKING:
    from distilbench.compute import Bound, Plan, Quantity, ScopeCost, Unavailable

Cards = Annotated[
    list[Path] | None, typer.Option("--cards", help="Folder with further model cards (YAML).")
]
Draws = Annotated[int, typer.Option(min=100, max=10_000_000, help="Monte Carlo draws.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the Monte Carlo draws.")]


def register(app: typer.Typer) -> None:
    app.command()(compute)
    app.command()(compare)
    app.command("plan-distillation")(plan_distillation)


def compute(
    model: ModelName,
    scope: Annotated[AnyScope, typer.Option(help="What the creation of a model counts.")] = "all",
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Creation cost of a model: training FLOPs, and for a distilled one stage by stage."""
    import distilbench

    found = distilbench.creation_cost(model, cards or ())
    card, estimates = found.card, found.training
    costs = [cost for name, cost in found.scopes.items() if scope in ("all", name)]
    if as_json:
        print_json(
            {
                "card": card.id,
                "own_training": {e.method: measure(e.flops, draws, seed) for e in estimates},
                "scopes": {
                    c.scope: {
                        **measure(c.flops, draws, seed),
                        "at_least": measure(c.at_least, draws, seed) if c.at_least else None,
                        "omits": c.omits,
                        "bound": c.bound,
                        "exceeds": c.exceeds,
                        "stages": {s.name: measure(s.flops, draws, seed) for s in c.stages},
                    }
                    for c in costs
                },
            }
        )
        return
    rows = [(f"by {e.method}", *_cells(e.flops, draws, seed)) for e in estimates]
    print_table(("training of its own", "FLOPs", "90% range", "kind"), rows, card.name)
    if card.role == "distilled":
        rows = [(name, *_cells(flops, draws, seed)) for name, flops in _stages_of(costs)]
        print_table(("stage", "FLOPs", "90% range", "kind"), rows)
    rows = [(c.scope, *_cells(c.flops, draws, seed, c.at_least, c.bound)) for c in costs]
    print_table(("scope", "FLOPs", "90% range", "kind"), rows)
    for omitted in dict.fromkeys(text for c in costs for text in c.omits):
        print_line(f"not counted: {omitted}")
    for reason in dict.fromkeys(text for c in costs for text in c.exceeds):
        print_line(f"an upper bound: {reason}; the range takes the share as exact")


def _stages_of(costs: Sequence[ScopeCost]) -> Iterator[tuple[str, Quantity | Unavailable]]:
    """Each stage as the scopes count it. One whose outputs several students share is counted whole
    by some and by this student's share by others: both are shown, with the scopes that each is of,
    so that every scope is a sum of what is shown."""
    counted: dict[tuple[str, str], list[str]] = {}
    flops: dict[tuple[str, str], Quantity | Unavailable] = {}
    for cost in costs:
        for stage in cost.stages:
            key = (stage.name, stage.formula)
            counted.setdefault(key, []).append(cost.scope)
            flops[key] = stage.flops
    ways = Counter(name for name, _ in counted)
    for (name, formula), scopes in counted.items():
        yield (f"{name} ({', '.join(scopes)})" if ways[name] > 1 else name), flops[name, formula]


def compare(
    model_a: ModelName,
    model_b: ModelName,
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Creation cost of A over that of B under each scope, and their published scores."""
    import distilbench

    found = distilbench.compare(model_a, model_b, cards or ())
    a, b, scores, ratios = found.a, found.b, found.scores, list(found.ratios.values())
    if as_json:
        print_json(
            {
                "a": a.id,
                "b": b.id,
                "ratio": {
                    r.scope: {
                        **measure(r.ratio, draws, seed),
                        "at_most": measure(r.at_most, draws, seed) if r.at_most else None,
                        "bound": r.bound,
                        "why_bound": r.why_bound,
                        "sensitivity": _bars(r.ratio),
                    }
                    for r in ratios
                },
                "scores": scores,
            }
        )
        return
    rows = [(r.scope, *_cells(r.ratio, draws, seed, bound=r.bound)) for r in ratios]
    title = f"creation cost of {a.name} over {b.name}"
    print_table(("scope", "ratio", "90% range", "kind"), rows, title)
    for reason in dict.fromkeys(text for r in ratios for text in r.why_bound):
        print_line(f"a bound: {reason}; the range takes the share as exact")
    for r in ratios:
        bars = _bars(r.ratio)
        if bars:
            print_line(f"{r.scope}: moved most by {bars[0]['unknown']}")
    columns = ("benchmark", "version", "metric", "shots", "mode", a.id, b.id, "sources")
    print_table(
        columns, [tuple(s[name] for name in columns) for s in scores], "scores in the same setting"
    )


def plan_distillation(
    student: Annotated[str, typer.Option(help=f"Student: {MODEL_HELP}")],
    teacher: Annotated[str, typer.Option(help=f"Teacher: {MODEL_HELP}")],
    tokens: Annotated[float, typer.Option(help="Training tokens of one epoch, such as 1e9.")],
    epochs: Annotated[float, typer.Option(min=0)] = 1.0,
    acceptance_rate: Annotated[float, typer.Option(help="Share of samples kept.")] = 1.0,
    logits: Annotated[bool, typer.Option(help="Teacher scores given text, no sampling.")] = False,
    accelerator: Annotated[
        str, typer.Option(help="Its key: distilbench accelerators.")
    ] = "h100-sxm",
    usd_per_hour: Annotated[
        float | None, typer.Option(min=0, max=1e6, help="Price of an accelerator-hour.")
    ] = None,
    region: Annotated[str, typer.Option(help="Region of the electricity.")] = "world",
    cards: Cards = None,
    draws: Draws = 10_000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """FLOPs, accelerator-hours, energy, CO2e and money of a distillation yet to be done."""
    from distilbench.compute import PlannedRecipe, default_site
    from distilbench.compute import plan_distillation as make_plan

    [learner, master], known = named_cards([student, teacher], cards or [])
    recipe = PlannedRecipe(
        tokens, epochs, acceptance_rate, sampled=not logits, scored_epochs=1.0 if logits else 0.0
    )
    site = default_site(region, usd_per_hour)
    made = make_plan(learner, master, recipe, known.accelerator(accelerator), site)
    plan_table(made, draws, seed, as_json)


def plan_table(
    made: Plan, draws: int, seed: int, as_json: bool, facts: dict[str, Any] | None = None
) -> None:
    """Print a plan; ``facts`` are further lines."""
    parts = [*((stage.name, stage.footprint) for stage in made.stages), ("total", made.total)]
    fields = ("flops", "accelerator_hours", "energy_kwh", "co2e_kg", "cost_usd")
    if as_json:
        print_json(
            {
                name: {
                    f: measure(getattr(p, f), draws, seed) if getattr(p, f) else None
                    for f in fields
                }
                for name, p in parts
            }
            | ({"facts": facts} if facts else {})
        )
        return
    rows = [
        (
            name,
            *(
                quantity_range(getattr(p, f), draws, seed) if getattr(p, f) else None
                for f in fields
            ),
        )
        for name, p in parts
    ]
    headings = ("stage", "FLOPs", "accelerator-hours", "energy (kWh)", "CO2e (kg)", "cost (USD)")
    print_table(
        headings, rows, f"{made.student} from {made.teacher} on {made.accelerator}, {made.region}"
    )
    print_line("central value (5% to 95%); utilisation, PUE and carbon intensity are assumptions:")
    for given in made.total.co2e_kg.unknowns:
        print_line(
            f"  {given.name}: {given.central:g} ({given.low:g} to {given.high:g}), {given.note}"
        )
    for name, value in (facts or {}).items():
        print_line(
            f"{name}: {value:,.4g}" if isinstance(value, int | float) else f"{name}: {value}"
        )


def measure(value: Quantity | Unavailable, draws: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """A figure for ``--json``, or why there is none."""
    from distilbench.compute import Unavailable, interval

    if isinstance(value, Unavailable):
        return {"value": None, "not_available": value.reason}
    found = interval(value, draws, seed)
    return {
        "value": found.central,
        "p5": found.p5,
        "p95": found.p95,
        "kind": found.kind,
        "unknowns": list(found.unknowns),
    }


def _cells(
    value: Quantity | Unavailable,
    draws: int,
    seed: int,
    at_least: Quantity | None = None,
    bound: Bound = "=",
) -> tuple[str, str, str]:
    from distilbench.compute import BOUND_MARKS, Unavailable, interval

    if isinstance(value, Unavailable):
        if at_least is None:
            return ("not available", value.reason, "–")
        return (f"≥ {si(at_least.central)}", value.reason, at_least.kind)
    found = interval(value, draws, seed)
    exact = found.p5 == found.p95
    return (
        BOUND_MARKS[bound] + si(found.central),
        "–" if exact else f"{si(found.p5)} to {si(found.p95)}",
        found.kind,
    )


def quantity_range(value: Quantity, draws: int = 10_000, seed: int = 0) -> str:
    """A figure with its range of 5% to 95%, for a table."""
    from distilbench.compute import interval

    found = interval(value, draws, seed)
    return f"{si(found.central)} ({si(found.p5)} to {si(found.p95)})"


def _bars(value: Quantity | Unavailable) -> list[dict[str, Any]]:
    from distilbench.compute import Unavailable, tornado

    return [] if isinstance(value, Unavailable) else [asdict(bar) for bar in tornado(value)]
