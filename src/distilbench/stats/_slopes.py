"""Slopes of several families as draws of one distribution: partial pooling.

Each family's slope ``b`` (logit of its score per tenfold of compute) is estimated by itself, with a
variance ``v``. The hierarchical normal model takes the true slopes as drawn from N(mu, tau^2)
(Rubin 1981; Gelman et al., Bayesian Data Analysis, 3rd edition, section 5.4): with a flat prior on
mu and on tau, mu given tau is normal, and tau has a density in one dimension, which a grid
integrates. Its uncertainty goes through: with three families tau is hardly known, and the slopes
are then pooled little. The levels of families (intercepts) are left free, as data and recipes of
different years and makers are no draws of one population; what is shared is how fast a score rises.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from distilbench.errors import InputError

Floats = NDArray[np.float64]
Prior = tuple[float | Floats, float | Floats]
"""Mean of a slope, and the weight that the score equation gives to it."""

FEWEST_FAMILIES = 3
"""Below three families the flat prior on tau has no proper posterior."""
_GRID = 2000


@dataclass(frozen=True)
class OwnSlope:
    """A family's slope per tenfold by itself; ``unit_variance`` times the scatter's dispersion is
    its variance."""

    value: float
    unit_variance: float


@dataclass(frozen=True, eq=False)
class SlopePrior:
    """What the slopes of several families say of each of them: posterior means of mu and tau (per
    tenfold), and equally many draws of both."""

    mean: float
    spread: float
    families: int
    means: Floats = field(repr=False)
    spreads: Floats = field(repr=False)

    def centre(self, width: float, dispersion: float) -> Prior:
        """For the central fit, in slopes per ``width`` tenfolds."""
        return self.mean * width, dispersion / (self.spread * width) ** 2

    def drawn(self, width: float, dispersions: Floats, seed: int) -> Prior:
        """For each drawn dispersion, the mean moved by the spread."""
        random = np.random.default_rng([seed, 1])
        which = random.integers(len(self.means), size=len(dispersions))
        mean, spread = self.means[which], self.spreads[which]
        moved = mean + spread * random.standard_normal(len(which))
        return moved * width, dispersions / (spread * width) ** 2


def pool_slopes(slopes: Sequence[OwnSlope], dispersion: float, draws: int = 4000) -> SlopePrior:
    """The distribution that the families' slopes are drawn from, with ``dispersion`` the scatter's
    (see :func:`pool_scatter`). Raises InputError below FEWEST_FAMILIES."""
    if len(slopes) < FEWEST_FAMILIES:
        raise InputError(
            "slopes",
            f"{len(slopes)} families do not tell how slopes differ",
            f"give at least {FEWEST_FAMILIES}, or fit each family alone",
        )
    b = np.array([one.value for one in slopes])
    v = np.array([max(one.unit_variance * dispersion, 1e-12) for one in slopes])
    unit = float(np.sqrt(v.mean() + b.var()))
    # tau = unit t / (1 - t) takes the whole half line to (0, 1).
    t = (np.arange(_GRID) + 0.5) / _GRID
    tau = unit * t / (1 - t)
    total = v + tau[:, None] ** 2
    variance = 1 / (1 / total).sum(axis=1)
    mean = variance * (b / total).sum(axis=1)
    log_density = (
        0.5 * np.log(variance)
        - 0.5 * np.log(total).sum(axis=1)
        - 0.5 * ((b - mean[:, None]) ** 2 / total).sum(axis=1)
        - 2 * np.log1p(-t)
    )
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    random = np.random.default_rng(0)
    at = random.choice(_GRID, size=draws, p=weight)
    return SlopePrior(
        mean=float((weight * mean).sum()),
        spread=float(tau[np.searchsorted(weight.cumsum(), 0.5)]),
        families=len(slopes),
        means=mean[at] + np.sqrt(variance[at]) * random.standard_normal(draws),
        spreads=tau[at],
    )
