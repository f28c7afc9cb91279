"""Distilled models among the curves of vanilla families, as the chart that the reader filters."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distilbench.claims import (
    AXES,
    PER_TOKEN,
    Axis,
    Claims,
    FamilyCurve,
    Placement,
    answer_tokens,
)
from distilbench.claims import family_tokens as tokens_of_family
from distilbench.compute import BOUND_MARKS, SCOPES
from distilbench.report.claims._cells import gain_text, size_text, tokens_text
from distilbench.report.page import Curves

_LINE_POINTS = 60
_AXES = (
    *(
        {"key": scope, "title": f"creation FLOPs, scope {scope}", "lines": "creation"}
        for scope in SCOPES
    ),
    {"key": "token", "title": "inference FLOPs of a token (2N)", "lines": "token"},
    {"key": "question", "title": "inference FLOPs of an answered question", "lines": "question"},
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
        "Diamonds: distilled models, at the compute chosen: of creation under a scope, of a token,"
        " or of an answered question; hollow where it is a bound (a part is not published, or a"
        " share may be counted too high) or within a range (lengths of answers). Circles and lines:"
        " vanilla families at the same compute (creation: of their pretraining), with the 95%"
        " interval of the curve. Vertical lines: 95% intervals from the number of questions, where"
        " it is known. Benchmark, families and who measured choose what is drawn; the curves stay"
        " what they are. The address of this page holds the view.",
        f"Scores of distilled models among the curves of vanilla families, against compute, on"
        f" {len(settings)} benchmarks. At first {settings[0]}: {shown}. The numbers stand in the"
        " table below.",
        settings,
        _AXES,
        [row for found in fitted for row in _line(claims, found)],
        points,
        models,
        {key: _title(claims, key) for key in sorted(used)},
    )


def setting(one: FamilyCurve | Placement) -> str:
    """Benchmark, metric, shots, mode and version, as words."""
    shots = "shots not stated" if one.shots is None else f"{one.shots}-shot"
    version = f", {one.version}" if one.version else ""
    return f"{one.benchmark} ({one.metric}, {shots}, {one.mode}{version})"


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
        costs = {axis: _cost(first, axis) for axis in AXES}
        yield {
            "setting": name,
            "model": card.name,
            "family": card.family,
            "score": first.score,
            "low": ends[0],
            "high": ends[1],
            "source": source,
            "x": {key: x for key, (x, _, _) in costs.items()},
            "marks": {key: mark for key, (_, mark, _) in costs.items() if mark},
            "notes": {key: note for key, (_, _, note) in costs.items() if note},
            "places": [_place(one) for one in places],
        }


def _place(place: Placement) -> dict[str, Any]:
    """What a curve says of a model."""
    gains = {
        axis: {"text": gain_text(gain), "low": gain.low, "high": gain.high}
        for axis, gain in place.gains.items()
    }
    return {"family": place.family, "size": size_text(place.size), "gains": gains}


def _cost(place: Placement, axis: Axis) -> tuple[float | None, str, str]:
    """A distilled model's compute on an axis, the mark of a bound or a range, and what is to be
    said of it."""
    spent = place.own.get(axis)
    if spent is None:
        return None, "", ""
    if axis == "question" and place.writes is not None:
        mark = "" if spent.low == spent.high else "~ "
        return spent.value, mark, tokens_text(place.writes)
    return spent.value, BOUND_MARKS[spent.bound], ""


def _points(claims: Claims, fitted: list[FamilyCurve]) -> Iterator[dict[str, Any]]:
    """The models of the fitted families, each once in a setting."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for curve in fitted:
        for row in curve.points.iter_rows(named=True):
            card, active = claims.catalog.cards[row["model"]], row["active_parameters"]
            token = PER_TOKEN * active if active else None
            writes = answer_tokens(card, curve.benchmark, row["written"], claims.catalog)
            found[setting(curve), row["model"]] = {
                "setting": setting(curve),
                "model": card.name,
                "family": curve.family,
                "score": row["score"],
                "source": row["source"],
                "x": {
                    "creation": row["compute_flops"],
                    "token": token,
                    "question": token * writes.value if token and writes else None,
                },
            }
    yield from found.values()


def _line(claims: Claims, found: FamilyCurve) -> Iterator[dict[str, Any]]:
    """A family's curve with its band, on each axis that its scale gives. Against size it is one of
    inference where all weights are used for a token, or where the scale counts those that are; per
    answer its lengths are taken as those of the family, whichever the size."""
    import numpy as np

    from distilbench.stats import predict

    assert found.curve is not None
    models = found.points.select("model", "written").iter_rows()
    writes = tokens_of_family(models, found.benchmark, claims.catalog)
    dense = (found.points["parameters"] == found.points["active_parameters"]).all()
    factors: dict[str, float] = {}
    if found.scale == "compute_flops":
        factors = {"creation": 1.0}
    elif found.scale == "active_parameters" or dense:
        factors = {"token": PER_TOKEN}
        if writes is not None:
            factors["question"] = PER_TOKEN * writes.value
    grid = np.geomspace(found.curve.low_end, found.curve.high_end, _LINE_POINTS)
    rows = list(predict(found.curve, grid).iter_rows(named=True)) if factors else []
    for axis, factor in factors.items():
        for row in rows:
            yield {
                "setting": setting(found),
                "axis": axis,
                "family": found.family,
                "x": row[found.scale] * factor,
                **{name: round(row[name], 3) for name in ("score", "low", "high")},
            }


def _title(claims: Claims, key: str) -> str:
    shared = claims.catalog.sources.get(key)
    if shared is not None:
        return shared.title
    own = (card.sources.get(key) for card in claims.catalog.cards.values())
    return next((source.title for source in own if source is not None), key)
