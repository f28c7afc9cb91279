"""The curve of a run's vanilla models, and where its other models stand on it.

The same fit as of published scores (:mod:`distilbench.claims._curves`), on the scores that the run
measured; each curve rests on its own scatter, as the measures of one run are no independent
evidence of each other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from distilbench.claims._curves import CONTEMPORARY_DAYS
from distilbench.claims._own import creation_gains
from distilbench.compute import Scope
from distilbench.errors import InputError

if TYPE_CHECKING:
    import polars as pl

    from distilbench.catalog import Card
    from distilbench.stats import Curve, Equivalent, Gain, Spent

FEWEST = 3
"""Sizes of a family below which no curve is fitted."""


@dataclass(frozen=True)
class RunCurve:
    """The vanilla models of one family under one profile, against one scale. ``curve`` null:
    ``refused`` says why there is none."""

    family: str
    profile: str
    scale: str
    entries: tuple[str, ...]
    curve: Curve | None
    refused: str | None


@dataclass(frozen=True)
class Standing:
    """Where a model stands on a vanilla curve: the ``size`` (on the curve's scale) at which vanilla
    models score the same, and that over its own, by scope where the scale is creation compute (else
    under the scale's name)."""

    size: Equivalent
    gains: Mapping[str, Gain]


def run_curves(points: pl.DataFrame, scale: str, draws: int = 1000) -> Iterator[RunCurve]:
    """A curve for each family and profile that has vanilla models.

    ``points``, one row an entry: entry, family (null: not known), profile, role, score and stderr
    (null: not known) in percent, ``scale`` in FLOPs or parameters (null: not known).
    """
    import polars as pl

    vanilla = points.filter((pl.col("role") == "vanilla") & pl.col("family").is_not_null())
    for (family, profile), mine in vanilla.group_by("family", "profile", maintain_order=True):
        usable = mine.filter(pl.col(scale) > 0, pl.col("score").is_not_null())
        curve, refused = _fitted(usable, scale, str(family), draws)
        names = tuple(usable["entry"])
        yield RunCurve(str(family), str(profile), scale, names, curve, refused)


def _fitted(
    points: pl.DataFrame, scale: str, family: str, draws: int
) -> tuple[Curve | None, str | None]:
    from distilbench.stats import fit_curve

    sizes = points[scale].n_unique()
    if sizes < FEWEST:
        models = "model" if sizes == 1 else "models"
        return (
            None,
            f"{sizes or 'no'} vanilla {models} of it with a known size, {FEWEST} are needed",
        )
    try:
        return fit_curve(points, scale, stderr="stderr", where=family, draws=draws), None
    except InputError:
        return None, "its score does not rise with size"


def standing(
    curve: Curve,
    score: float,
    stderr: float,
    own: float | Mapping[Scope, Spent] | None,
) -> Standing:
    """``score`` and ``stderr`` in percent; ``own``: the model's own size on the curve's scale, or
    its creation cost under each scope (:func:`own_costs`); null: not known."""
    from distilbench.stats import compute_equivalent_gain, equivalent

    size = equivalent(curve, score, stderr)
    if own is None:
        return Standing(size, {})
    if isinstance(own, Mapping):
        return Standing(size, {**dict(creation_gains(size, own))})
    return Standing(size, {curve.scale: compute_equivalent_gain(size, own)})


def outdated(card: Card | None, vanilla: Iterable[Card | None]) -> bool:
    """Whether all of the vanilla models are known to be much older than a model, and so no
    counterparts: data and recipes of all models improve with time."""
    dates = [one.released if one else None for one in vanilla]
    if card is None or card.released is None or any(date is None for date in dates):
        return False
    return all((card.released - date).days > CONTEMPORARY_DAYS for date in dates if date)
