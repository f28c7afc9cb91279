"""The command break-even: when distillation pays for itself."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from distilbench.cli._options import AnyScope, RunPlaces
from distilbench.cli._print import Json, print_json, print_line, print_table
from distilbench.errors import InputError

if TYPE_CHECKING:
    from distilbench.claims import Ledger, Made, Pair, Side
    from distilbench.stats import Limits


def register(app: typer.Typer) -> None:
    app.command("break-even")(break_even)


def break_even(
    runs: RunPlaces,
    answers: Annotated[
        float | None,
        typer.Option(help="What a correct answer costs if so many are served, such as 1e6."),
    ] = None,
    scope: Annotated[AnyScope, typer.Option(help="What the creation of a model counts.")] = "all",
    as_json: Json = False,
) -> None:
    """Say after how many correct answers each distilled model has paid for its creation."""
    from distilbench._api import opened_runs
    from distilbench.report import no_pair, read_runs, run_warnings

    if answers is not None and not 1 <= answers < float("inf"):
        raise InputError("--answers", f"is {answers}", "give the correct answers served, from 1 on")
    with opened_runs(runs) as opened:
        data = read_runs(opened)
    warnings = run_warnings(data)
    if as_json:
        pairs = [_pair_json(pair, scope, answers) for pair in data.pairs]
        correct = list(data.correct_costs.values())
        found = {"pairs": pairs, "answers": answers, "cost_of_a_correct_answer": correct}
        print_json({**found, "warnings": warnings})
        return
    for warning in warnings:
        print_line(warning)
    if not data.pairs:
        print_line(no_pair(data))
    for pair in data.pairs:
        _print(pair, scope, answers)


def _of_scope(pair: Pair, scope: AnyScope) -> list[Ledger]:
    return [one for one in pair.ledgers if scope in ("all", one.scope)]


def _print(pair: Pair, scope: AnyScope, answers: float | None) -> None:
    from distilbench.report import ledger_sentences, not_available

    ledgers = _of_scope(pair, scope)
    known = [one for one in ledgers if not_available(one) is None]
    for one in known:
        for sentence in ledger_sentences(one):
            print_line(sentence)
    for note in dict.fromkeys(note for one in known for note in one.notes):
        print_line(note)
    names = f"{pair.distilled.entry} against {pair.counterpart.entry}"
    for unit in dict.fromkeys(one.unit for one in ledgers):
        missing = [not_available(one) for one in ledgers if one.unit == unit]
        if all(missing):  # the narrowest scope lacks the least
            print_line(f"{names}, in {unit}: not available ({missing[0]}).")
    if known and answers is not None:
        title = f"{names}: a correct answer, if {answers:,.10g} are served"
        columns = ("unit", "scope", pair.distilled.entry, pair.counterpart.entry, "being there")
        print_table(columns, [_costs(one, answers) for one in known], title)


def _costs(one: Ledger, answers: float) -> tuple[str, ...]:
    from distilbench.compute import BOUND_MARKS

    there = one.counterpart.lifetime(answers, exists=True)
    made = [
        f"{BOUND_MARKS[side.bound]}{_limits_text(side.lifetime(answers))}"
        for side in (one.distilled, one.counterpart)
    ]
    return (one.unit, one.scope, *made, _limits_text(there))


def _limits_text(found: Limits | None) -> str:
    if found is None:
        return "not available"
    from distilbench.report import interval_words

    return f"{found.value:.3g}{interval_words(found.low, found.high, '{:.3g}'.format)}"


def _pair_json(pair: Pair, scope: AnyScope, answers: float | None) -> dict[str, Any]:
    return {
        "distilled": pair.distilled.entry,
        "counterpart": pair.counterpart.entry,
        "why": pair.why,
        "ledgers": [_ledger_json(one, answers) for one in _of_scope(pair, scope)],
    }


def _ledger_json(one: Ledger, answers: float | None) -> dict[str, Any]:
    from distilbench.report import ledger_sentences

    both_made, there = ledger_sentences(one)
    return {
        "unit": one.unit,
        "scope": one.scope,
        "known": one.known,
        "distilled": _side_json(one.distilled, answers),
        "counterpart": _side_json(one.counterpart, answers),
        "both_to_be_made": {**asdict(one.made), "words": both_made},
        "counterpart_there_already": {**asdict(one.exists), "words": there},
        "notes": one.notes,
    }


def _side_json(side: Side, answers: float | None) -> dict[str, Any]:
    made = side.creation
    lifetime = side.lifetime(answers) if answers is not None else None
    return {
        "creation": made and _made_json(made),
        "correct_answer": side.serving and side.serving._asdict(),
        "lifetime": lifetime and {**lifetime._asdict(), "bound": side.bound},
        "not_available": side.why,
    }


def _made_json(made: Made) -> dict[str, Any]:
    why = {"bound": made.bound, "omits": made.omits, "exceeds": made.exceeds}
    return {**made.limits._asdict(), "known": made.known, **why}
