"""The curves of a run's vanilla families in its chart, and where the other models stand on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from distilbench.claims import RunCurve, Standing, outdated, own_costs, run_curves, standing

if TYPE_CHECKING:
    import polars as pl

    from distilbench.report.run._data import RunData
    from distilbench.report.run._measures import Measured

_SCALES = {"flops": "flops", "parameters": "parameters", "compute_flops": "creation lineage"}
"""Scales of curves, and the cost of a point that is its place on each: a vanilla model's creation
costs the same under every scope."""
_STEPS = 24
_Z = 1.959964
Curves = dict[str, dict[str, list[dict[str, Any]]]]
Placed = dict[str, dict[str, dict[int, Any]]]


def vanilla(
    data: RunData,
    rows: Sequence[Mapping[str, Any]],
    points: Sequence[Mapping[str, Any]],
    found: Sequence[Measured],
) -> tuple[Curves, Placed]:
    """By scale and measure: the curve of each vanilla family, or why there is none; and of each
    point that is not vanilla where it stands on one. Empty where no vanilla model has a family."""
    models = _Models(data, rows, points)
    curves: Curves = {scale: {} for scale in _SCALES}
    placed: Placed = {scale: {} for scale in _SCALES}
    for scale in _SCALES if models.any_vanilla else ():
        for one in found:
            fitted = list(run_curves(models.frame(one), scale))
            curves[scale][one.measure.key] = [_drawn(curve) for curve in fitted]
            placed[scale][one.measure.key] = dict(models.placed(one, fitted, scale))
    return curves, placed


class _Models:
    """The points of a chart as models: what they are a family of, and what they took."""

    def __init__(
        self,
        data: RunData,
        rows: Sequence[Mapping[str, Any]],
        points: Sequence[Mapping[str, Any]],
    ) -> None:
        self.rows, self.points = rows, points
        self.cards = [data.catalog.cards.get(row["card"] or "") for row in rows]
        self.by_entry = {row["entry"]: card for row, card in zip(rows, self.cards, strict=True)}
        self.families = [self._families(data, card) for card in self.cards]
        self.own = [
            own_costs(card, data.catalog) if card and point["role"] != "vanilla" else {}
            for card, point in zip(self.cards, points, strict=True)
        ]
        roles = zip(self.cards, points, strict=True)
        self.any_vanilla = any(card and point["role"] == "vanilla" for card, point in roles)

    @staticmethod
    def _families(data: RunData, card: Any) -> list[str]:
        """The families whose curve a model belongs beside, the nearest first: its base's, its
        own."""
        base = data.catalog.cards.get(card.lineage.base or "") if card else None
        return [one.family for one in (base, card) if one]

    def frame(self, one: Measured) -> pl.DataFrame:
        """What :func:`run_curves` takes, of one measure."""
        import polars as pl

        rows = [
            {
                "entry": point["entry"],
                "family": card.family if card else None,
                "profile": row["profile"],
                "role": point["role"],
                "score": None if score is None else 100 * score[0],
                "stderr": None if score is None else _stderr(score),
            }
            | {scale: point["costs"].get(cost) for scale, cost in _SCALES.items()}
            for row, point, card, score in zip(
                self.rows, self.points, self.cards, one.scores, strict=True
            )
        ]
        kinds = dict.fromkeys(("score", "stderr", *_SCALES), pl.Float64)
        return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)

    def placed(
        self, one: Measured, fitted: Sequence[RunCurve], scale: str
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        """Each point that is not vanilla on the curve that is nearest to it."""
        for place, point in enumerate(self.points):
            score = one.scores[place]
            if point["role"] == "vanilla" or score is None:
                continue
            nearest = self._nearest(place, fitted)
            if nearest is None or nearest.curve is None:
                continue
            own = self.own[place] if scale == "compute_flops" else point["costs"][_SCALES[scale]]
            at = standing(nearest.curve, 100 * score[0], _stderr(score), own or None)
            yield place, _words(nearest.family, at)

    def _nearest(self, place: int, fitted: Sequence[RunCurve]) -> RunCurve | None:
        """Its family's or its base's curve, else the one of most models; under its own profile
        where that ran. None that is known to be of another age."""
        profile, families = self.rows[place]["profile"], self.families[place]
        usable = [
            curve
            for curve in fitted
            if curve.curve
            and not outdated(self.cards[place], [self.by_entry[e] for e in curve.entries])
        ]

        def far(curve: RunCurve) -> tuple[int, bool, int]:
            kin = families.index(curve.family) if curve.family in families else len(families)
            return kin, curve.profile != profile, -len(curve.entries)

        return min(usable, key=far, default=None)


def _stderr(score: Sequence[float]) -> float:
    """In percent, from an interval of 95%."""
    return 100 * (score[2] - score[1]) / (2 * _Z)


def _drawn(found: RunCurve) -> dict[str, Any]:
    """A curve in steps over the range of its family, as shares."""
    import numpy as np

    from distilbench.stats import predict

    if found.curve is None:
        return {"family": found.family, "why": found.refused}
    steps = np.geomspace(found.curve.low_end, found.curve.high_end, _STEPS)
    table = predict(found.curve, steps)
    shares = {
        short: [round(value / 100, 4) for value in table[name]]
        for short, name in (("y", "score"), ("low", "low"), ("high", "high"))
    }
    points = len(found.entries)
    return {
        "family": found.family,
        "why": None,
        "points": points,
        "x": [float(f"{x:.5g}") for x in steps],
        **shares,
    }


def _words(family: str, at: Standing) -> dict[str, Any]:
    sizes = {name: _numbers(gain) for name, gain in at.gains.items()}
    return {"family": family, "size": _numbers(at.size), "gains": sizes}


def _numbers(one: Any) -> list[Any]:
    """Value, how to read it, and the ends of its interval (null: beyond the family's range)."""
    ends = [None if end is None else float(f"{end:.4g}") for end in (one.low, one.high)]
    return [float(f"{one.value:.4g}"), one.bound, *ends]
