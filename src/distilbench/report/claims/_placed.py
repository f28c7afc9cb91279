"""Distilled models among the curves of vanilla families, as the chart that the reader filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilbench.claims import Claims, FamilyCurve, Placement
from distilbench.compute import SCOPES, Quantity, scope_cost
from distilbench.report.claims._cells import gain_text, size_text
from distilbench.report.page import Curves

_LINE_POINTS = 60
_PER_TOKEN = 2.0
"""Inference FLOPs of a token for each active parameter, attention left out."""
_LINES = {"compute_flops": "creation", "parameters": "inference"}
_AXES = (
    *(
        {"key": scope, "title": f"creation FLOPs, scope {scope}", "lines": "creation"}
        for scope in SCOPES
    ),
    {"key": "inference", "title": "inference FLOPs of a token (2N)", "lines": "inference"},
)


def placed(claims: Claims) -> Curves | None:
    """The chart; none where no distilled model stands in the setting of a fitted family."""
    if not claims.placements:
        return None
    models = list(_models(claims))
    by_number = sorted(models, key=lambda one: -_count(models, one["setting"]))
    settings = list(dict.fromkeys(one["setting"] for one in by_number))
    fitted = [
        found for found in claims.curves if found.curve is not None and setting(found) in settings
    ]
    points = list(_points(claims, fitted))
    used = {row["source"] for row in (*models, *points)}
    shown = "; ".join(
        f"{one['model']} {one['score']:.1f}" for one in models if one["setting"] == settings[0]
    )
    return Curves(
        "placed",
        "Diamonds: distilled models, at their creation compute under the scope chosen; hollow where"
        " a part of it is not published, so that it is more. Circles and lines: vanilla families at"
        " the compute of their pretraining, with the 95% interval of the curve. Vertical lines: 95%"
        " intervals from the number of questions, where it is known. Benchmark, families and who"
        " measured choose what is drawn; the curves stay what they are. The address of this page"
        " holds the view.",
        f"Scores of distilled models among the curves of vanilla families, against compute, on"
        f" {len(settings)} benchmarks. At first {settings[0]}: {shown}. The numbers stand in the"
        " table below.",
        settings,
        _AXES,
        [row for found in fitted for row in _line(found)],
        points,
        models,
        {key: _title(claims, key) for key in sorted(used)},
    )


def setting(one: FamilyCurve | Placement) -> str:
    """Benchmark, metric, shots and mode, as words."""
    shots = "shots not stated" if one.shots is None else f"{one.shots}-shot"
    return f"{one.benchmark} ({one.metric}, {shots}, {one.mode})"


def _count(models: list[dict[str, Any]], name: str) -> int:
    return sum(one["setting"] == name for one in models)


def _models(claims: Claims) -> Iterator[dict[str, Any]]:
    """One row for each published score of a distilled model that is placed on a curve."""
    from distilbench.stats import share_interval

    groups: dict[tuple[str, ...], list[Placement]] = {}
    for place in claims.placements:
        key = (setting(place), place.model, place.source, repr(place.score))
        groups.setdefault(key, []).append(place)
    for (name, model, source, _), places in groups.items():
        first, card = places[0], claims.catalog.cards[model]
        ends: tuple[float | None, float | None] = (None, None)
        if first.questions:
            low, high = share_interval(first.score / 100, first.questions)
            ends = (100 * low, 100 * high)
        costs = {axis["key"]: _cost(claims, first, axis["key"]) for axis in _AXES}
        yield {
            "setting": name,
            "model": card.name,
            "family": card.family,
            "score": first.score,
            "low": ends[0],
            "high": ends[1],
            "source": source,
            "x": {key: x for key, (x, _) in costs.items()},
            "least": [key for key, (_, least) in costs.items() if least],
            "places": [_place(one) for one in places],
        }


def _place(place: Placement) -> dict[str, Any]:
    """What a curve says of a model."""
    gains = {
        scope: {"text": gain_text(gain), "low": gain.low, "high": gain.high}
        for scope, gain in place.gains.items()
    }
    return {"family": place.family, "size": size_text(place.size), "gains": gains}


def _cost(claims: Claims, place: Placement, axis: str) -> tuple[float | None, bool]:
    """A distilled model's compute on an axis, and whether it is a lower bound."""
    if axis == "inference":
        active = place.active_parameters
        return (_PER_TOKEN * active if active else None), False
    card, catalog = claims.catalog.cards[place.model], claims.catalog
    scope = next(one for one in SCOPES if one == axis)
    cost = scope_cost(card, catalog.cards, scope, catalog.accelerators)
    if isinstance(cost.flops, Quantity) and not cost.omits:
        return cost.flops.central, False
    return (None, False) if cost.at_least is None else (cost.at_least.central, True)


def _points(claims: Claims, fitted: list[FamilyCurve]) -> Iterator[dict[str, Any]]:
    """The models of the fitted families, each once in a setting."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for curve in fitted:
        for row in curve.points.iter_rows(named=True):
            active = row["active_parameters"]
            found[setting(curve), row["model"]] = {
                "setting": setting(curve),
                "model": claims.catalog.cards[row["model"]].name,
                "family": curve.family,
                "score": row["score"],
                "source": row["source"],
                "x": {
                    "creation": row["compute_flops"],
                    "inference": _PER_TOKEN * active if active else None,
                },
            }
    yield from found.values()


def _line(found: FamilyCurve) -> Iterator[dict[str, Any]]:
    """A family's curve with its band. Sizes are total parameters: where some of a family's models
    use a part of them for a token, its curve against size is none against inference."""
    import numpy as np

    from distilbench.stats import predict

    assert found.curve is not None
    scale = 1.0
    if found.scale == "parameters":
        if not (found.points["parameters"] == found.points["active_parameters"]).all():
            return
        scale = _PER_TOKEN
    grid = np.geomspace(found.curve.low_end, found.curve.high_end, _LINE_POINTS)
    for row in predict(found.curve, grid).iter_rows(named=True):
        yield {
            "setting": setting(found),
            "axis": _LINES[found.scale],
            "family": found.family,
            "x": row[found.scale] * scale,
            **{name: round(row[name], 3) for name in ("score", "low", "high")},
        }


def _title(claims: Claims, key: str) -> str:
    shared = claims.catalog.sources.get(key)
    if shared is not None:
        return shared.title
    own = (card.sources.get(key) for card in claims.catalog.cards.values())
    return next((source.title for source in own if source is not None), key)
