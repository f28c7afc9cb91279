"""The recommendation in words: the section of a run's report, and what the command prints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from distilbench.report.page import (
    NOT_AVAILABLE,
    Section,
    Shown,
    Table,
    Text,
    percent_range,
    rounded,
)

if TYPE_CHECKING:
    from distilbench.report.run._data import RunData
    from distilbench.stats import Candidate, Recommendation

_BUSY = " (of a busy machine)"
_FIRST = {True: "the most accurate", False: "of the greatest utility"}
_COLUMNS = (
    Shown("model", "entry"),
    Shown("accuracy", "accuracy", "{:.1%}"),
    Shown("probability of being best", "probability_best", lambda share: chance(share)),
    Shown("same answers as", "same_as", lambda names: ", ".join(names) or None),
)
_FALLEN = (Shown("model", "entry"), Shown("why", "reasons", "; ".join))


def recommendation(data: RunData) -> Section:
    """The best entry without any limit, how sure that is, and what is as good for less."""
    if not data.comparable or data.samples["entry"].n_unique() < 2:
        return Section("Recommendation")
    found = data.recommendation
    blocks: list[Text | Table] = [Text(" ".join(recommendation_sentences(found)))]
    if found.candidates:
        caption = "Bootstrap probability of being best"
        blocks.append(Table.of(caption, found.candidates, _COLUMNS))
    if found.fallen_out:
        blocks.append(Table.of("Fell out", found.fallen_out, _FALLEN))
    blocks.append(
        Text(
            "Under limits of your own: distilbench recommend RUN --memory 2GiB --max-latency-s 5"
            " --max-usd-per-1000 2"
        )
    )
    return Section("Recommendation", blocks)


def recommendation_sentences(found: Recommendation) -> list[str]:
    """A recommendation in words, from its numbers."""
    best = found.best
    if best is None:
        return list(_nothing(found))
    worth = "" if best.utility is None else f"utility {best.utility:+.3g}, "
    said = [f"Take {best.entry}: {worth}accuracy {_accuracy(best)}, {_how_sure(found, best)}."]
    if found.utility is not None:
        said += _by_utility(found, best)
    if best.probability_enough is not None:
        share = chance(best.probability_enough)
        said.append(f"It reaches the accuracy asked for in {share} of the draws.")
    said += _decided(best, found.equals)
    guessed = [one.entry for one in found.candidates if one.energy_j_high is not None]
    if guessed:
        said.append(
            f"What {', '.join(guessed)} takes in joules is EcoLogits' estimate of a remote API, as"
            " a range, and no measurement: it can keep to a limit, and is ranked against nothing."
        )
    cheap = found.cheapest_tie
    if cheap is not None:
        said.append(
            f"{cheap.entry} takes {_times(cheap, best)}, and its accuracy of"
            f" {cheap.accuracy:.1%} is not lower beyond chance."
        )
    return said


def chance(share: float | None) -> str | None:
    """A share of draws; only all of them are 100%, only none 0%."""
    if share is None:
        return None
    if 0.999 < share < 1:
        return "over 99.9%"
    return "under 0.1%" if 0 < share < 0.001 else f"{100 * share:.3g}%"


def _accuracy(one: Candidate) -> str:
    return f"{one.accuracy:.1%} (95% interval {percent_range(one.low, one.high)})"


def _how_sure(found: Recommendation, best: Candidate) -> str:
    if len(found.candidates) == 1:
        return "the only one that meets every limit" if found.fallen_out else "the only one"
    if best.probability_best is None:
        return "and all that meet every limit answer identically"
    together = f", with {', '.join(best.same_as)}, which answers identically,"
    return (
        f"{_FIRST[found.utility is None]}{together if best.same_as else ''}"
        f" in {chance(best.probability_best)}"
        f" of {found.draws:,} bootstrap draws of the questions"
    )


def _by_utility(found: Recommendation, best: Candidate) -> Iterator[str]:
    """What was weighed, what it means, and whom the pick does not beat beyond chance."""
    yield (
        f"Utility: {found.utility}; 0 is the best in everything, of what meets every limit; a"
        " weight of 0.2 on a cost says that five doublings of it are worth one of a weight of 1."
        " The draws are of the questions, and so of the accuracy; costs stay as measured."
    )
    at_most = [one.entry for one in found.candidates if one.creation_at_most]
    if at_most and "creation FLOPs" in (found.utility or ""):
        yield (
            f"Creation FLOPs of {', '.join(at_most)} are an upper bound, and weighed as such: with"
            " less it would rank higher."
        )
        assert best.utility is not None
        rivals = [one for one in found.candidates[1:] if one.creation_at_most]
        left = [c.entry for c in rivals if c.utility_most is None or c.utility_most > best.utility]
        if left:
            yield (
                f"Whether {' or '.join(left)} is of a greater utility than {best.entry} is not"
                " decidable: with what was surely spent alone it would be, or that is not known."
            )
        elif rivals:
            yield f"{best.entry} stays first whatever of those bounds was spent."
    if found.ties:
        names = ", ".join(f"{tie.entry} ({tie.utility:+.3g})" for tie in found.ties)
        one = len(found.ties) == 1
        yield f"Not worse beyond chance {'is' if one else 'are'} {names}."


def _decided(best: Candidate, equals: tuple[Candidate, ...]) -> Iterator[str]:
    """What decided between entries of the same accuracy."""
    from distilbench.stats import cheaper

    for other in equals:
        if cheaper(best, other):
            yield (
                f"{other.entry} is exactly as accurate: the cheaper was taken"
                f" ({best.entry} takes {_times(best, other)})."
            )
        else:
            yield f"{other.entry} is exactly as accurate, and no known cost tells them apart."


def _times(one: Candidate, other: Candidate) -> str:
    """Each known cost of one over that of the other; what is dearer stands behind a "but"."""
    pairs = (
        (one.flops, other.flops, "FLOPs"),
        (one.peak_memory_bytes, other.peak_memory_bytes, "memory"),
        (one.p95_s, other.p95_s, "p95 latency" + (_BUSY if one.busy or other.busy else "")),
    )
    less: list[str] = []
    same: list[str] = []
    more: list[str] = []
    for mine, theirs, name in pairs:
        if not mine or not theirs:
            continue
        ratio = rounded(mine / theirs)
        if ratio == "1":
            same.append(f"about the same {name}")
        else:
            (less if mine < theirs else more).append(f"{ratio} times the {name}")
    said = ", ".join((*less, *same))
    return " but ".join(part for part in (said, ", ".join(more)) if part)


def _nothing(found: Recommendation) -> Iterator[str]:
    """What is nearest to each limit; without any figure, why each fell out."""
    answered = any(out.candidate for out in found.fallen_out)
    yield "No model meets every limit." if answered else "No model answered anything."
    for near in found.closest:
        yield (
            f"{near.entry} comes closest on {near.what}: {near.value}, {near.missing} than the"
            f" limit of {near.limit}."
        )
    if not found.closest:
        for out in found.fallen_out:
            yield f"{out.entry}: {'; '.join(out.reasons) or NOT_AVAILABLE}."
