"""How often the rule on minutes under load errs: series whose course is known.

    python benchmarks/sustained_rule.py

Noise alone, independent and going on from minute to minute, and a fall by 20% (in one step, or in a
straight line): the share of series of which a change is told.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from distilbench.stats._sustained import change

Series = NDArray[np.float64]
TRIALS = 1_500
FALL = np.log(1 / 0.8)
RNG = np.random.default_rng(1)


def told(minutes: int, make: Callable[[int], Series]) -> float:
    """The share of series of logarithms of which a change is told."""
    found = [change(np.exp(make(minutes)).tolist()) for _ in range(TRIALS)]
    return sum(one is not None and one.told for one in found) / TRIALS


def noise(deviation: float, correlation: float = 0.0) -> Callable[[int], Series]:
    def made(n: int) -> Series:
        fresh = RNG.standard_normal(n)
        series = fresh.copy()
        for i in range(1, n):
            series[i] = correlation * series[i - 1] + np.sqrt(1 - correlation**2) * fresh[i]
        return deviation * series

    return made


def step(deviation: float, after: int) -> Callable[[int], Series]:
    return lambda n: noise(deviation)(n) - FALL * (np.arange(n) >= after)


def line(deviation: float) -> Callable[[int], Series]:
    return lambda n: noise(deviation)(n) - FALL * np.arange(n) / (n - 1)


def main() -> None:
    cases = {
        "noise 5%": noise(0.05),
        "noise 10%": noise(0.1),
        "noise 3%, correlation 0.5": noise(0.03, 0.5),
        "noise 10%, correlation 0.5": noise(0.1, 0.5),
        **{f"-20% after minute {k}, noise {d:.0%}": step(d, k)
           for d in (0.02, 0.04) for k in (1, 3, 8)},
        **{f"-20% in a line, noise {d:.0%}": line(d) for d in (0.02, 0.04)},
    }  # fmt: skip
    print("| series | 10 minutes | 30 minutes |\n| --- | --- | --- |")
    for name, make in cases.items():
        print(f"| {name} | {told(10, make):.1%} | {told(30, make):.1%} |")


if __name__ == "__main__":
    main()
