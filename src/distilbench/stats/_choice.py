"""What a recommendation consists of, and which of two candidates costs less."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NamedCost:
    """A cost by which entries are limited and ranked: its column, its words, what it is counted in
    (``unit``, ``suffix``), and whether more of it is better."""

    column: str
    words: str
    suffix: str = ""
    unit: float = 1.0
    form: str = ".3g"
    more_is_better: bool = False

    def said(self, value: float) -> str:
        return f"{value / self.unit:{self.form}}{self.suffix}"


NAMED_COSTS: Mapping[str, NamedCost] = {
    "memory": NamedCost("peak_memory_bytes", "peak memory", " MiB", 2.0**20, ",.0f"),
    "latency": NamedCost("p95_s", "p95 of a question", " s"),
    "ttft": NamedCost("ttft_p95_s", "p95 of the time to first token", " s"),
    "speed": NamedCost(
        "decode_tokens_per_s", "decoding speed of a slot", " tokens/s", more_is_better=True
    ),
    "energy": NamedCost("energy_j", "energy of a question", " J"),
    "usd": NamedCost("usd", "price of 1,000 questions", " USD", 1e-3),
    "co2e": NamedCost("co2e_g", "CO2e of a question", " g"),
    "flops": NamedCost("flops", "FLOPs of a question"),
    "tokens": NamedCost("output_tokens", "output tokens of a question"),
    "creation": NamedCost("creation_flops", "creation FLOPs"),
}
"""The costs by the names that a weight takes. Those of a question are means over tasks; of those
that rest on a price, on the electricity or on a card the caller gives the figures."""


@dataclass(frozen=True)
class Requirements:
    """What an entry must keep to. Null: no requirement."""

    memory_bytes: float | None = None
    latency_s: float | None = None
    """95th percentile of a question's seconds."""
    min_accuracy: float | None = None
    energy_j: float | None = None
    """Mean joules of a question."""
    flops: float | None = None
    """Mean FLOPs of a question."""
    ttft_s: float | None = None
    """95th percentile of the seconds to the first token."""
    min_tokens_per_s: float | None = None
    """Least output tokens a second of one slot, while it decodes."""
    usd: float | None = None
    """Mean US dollars of a question."""
    co2e_g: float | None = None
    """Mean grams of CO2e of a question."""
    output_tokens: float | None = None
    """Mean output tokens of a question."""
    creation_flops: float | None = None

    def bounds(self) -> Iterator[tuple[NamedCost, float]]:
        """The costs that are bounded, each with its bound."""
        given = {
            "memory": self.memory_bytes, "latency": self.latency_s, "energy": self.energy_j,
            "flops": self.flops, "ttft": self.ttft_s, "speed": self.min_tokens_per_s,
            "usd": self.usd, "co2e": self.co2e_g, "tokens": self.output_tokens,
            "creation": self.creation_flops,
        }  # fmt: skip
        for name, bound in given.items():
            if bound is not None:
                yield NAMED_COSTS[name], bound


@dataclass(frozen=True)
class Candidate:
    """An entry with its figures; ``null`` where one is not available."""

    entry: str
    accuracy: float
    low: float
    high: float
    probability_best: float | None
    """Share of bootstrap draws in which it is the most accurate of those that meet everything, as
    are those that answer identically; null if there is nothing else to be better than."""
    probability_enough: float | None
    """Share of draws in which it reaches the accuracy that is asked for; null if none is."""
    same_as: tuple[str, ...]
    """Those that meet everything and have the same answer and score on every question."""
    peak_memory_bytes: float | None
    p95_s: float | None
    energy_j: float | None
    flops: float | None
    ttft_p95_s: float | None
    decode_tokens_per_s: float | None
    output_tokens: float | None
    usd: float | None
    """US dollars of a question."""
    co2e_g: float | None
    creation_flops: float | None
    creation_at_most: str | None
    """Why ``creation_flops`` is an upper bound of what was spent; null: it is none."""
    creation_surely: float | None
    """Of an upper bound, what was surely spent; null: it is none, or that is not known."""
    energy_known: str | None
    """How ``energy_j``, and so ``co2e_g``, is known: measured or estimated."""
    utility: float | None
    """Null: nothing was weighted."""
    utility_most: float | None
    """Utility beside the others' if creation took only what was surely spent; null: creation is
    weighted and an upper bound, and nothing is known to be spent; or there is no utility."""
    busy: bool | None
    """Whether a cell of it was measured on a busy machine, so that ``p95_s`` is not its own speed;
    null: not known of all."""
    energy_j_low: float | None = None
    """Least joules of a question by an estimate of a remote API, which is never ranked: where
    ``energy_j`` is not available."""
    energy_j_high: float | None = None
    co2e_g_low: float | None = None
    co2e_g_high: float | None = None


@dataclass(frozen=True)
class FallenOut:
    """An entry that does not meet the requirements, and each reason with its figure. ``candidate``
    is null where it answered nothing, and so has no figures."""

    entry: str
    candidate: Candidate | None
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Closest:
    """What is nearest to a limit that it breaks, of the entries that break the fewest."""

    entry: str
    what: str
    value: str
    limit: str
    missing: str
    """How far it is from the limit, in its unit."""


@dataclass(frozen=True)
class Recommendation:
    """``candidates`` meet every requirement, best first, the cheaper of equals first. ``ties`` are
    those of them that the best one does not beat beyond chance, cheapest first. ``closest``: one
    for each limit, where no entry meets them all. ``utility``: what they are ranked by in place of
    accuracy, as a formula; null: accuracy."""

    candidates: tuple[Candidate, ...]
    ties: tuple[Candidate, ...]
    fallen_out: tuple[FallenOut, ...]
    closest: tuple[Closest, ...]
    draws: int
    utility: str | None = None

    @property
    def best(self) -> Candidate | None:
        return self.candidates[0] if self.candidates else None

    @property
    def equals(self) -> tuple[Candidate, ...]:
        """What is exactly as accurate as the best; none where a utility decides."""
        if self.utility is not None:
            return ()
        return tuple(c for c in self.candidates[1:] if as_accurate(c, self.candidates[0]))

    @property
    def cheapest_tie(self) -> Candidate | None:
        """What costs less than the best and is not worse beyond chance."""
        best = self.best if self.utility is None else None
        return next((tie for tie in self.ties if best and cheaper(tie, best)), None)


def as_accurate(one: Candidate, other: Candidate) -> bool:
    return abs(one.accuracy - other.accuracy) < 1e-12


def _bills(candidate: Candidate) -> tuple[float | None, ...]:
    """Costs in the order in which they decide, to nine digits: sums differ in the last ones."""
    known = (candidate.flops, candidate.peak_memory_bytes, candidate.p95_s)
    return tuple(None if cost is None else float(f"{cost:.9g}") for cost in known)


def by_cost(among: list[Candidate]) -> Callable[[Candidate], tuple[Any, ...]]:
    """A key that orders by the costs that are known of all of them, then by name."""
    usable = [i for i in range(3) if all(_bills(c)[i] is not None for c in among)]
    return lambda c: (*(_bills(c)[i] for i in usable), c.entry)


def cheaper(one: Candidate, other: Candidate) -> bool:
    """By the first cost that is known of both and differs: FLOPs, peak memory, p95 of a question.
    Of imported results none may be known."""
    pairs = zip(_bills(one), _bills(other), strict=True)
    return next((a < b for a, b in pairs if a is not None and b is not None and a != b), False)
