"""The verdicts on the three claims as records: those of the page, and those under other terms."""

from __future__ import annotations

from functools import lru_cache
from importlib.metadata import version

from distilbench.claims._found import Claims
from distilbench.claims._record import Evidence, Terms, Verdict, Verdicts
from distilbench.claims._verdict_a import creation_verdicts
from distilbench.claims._verdict_b import size_verdicts, with_comparisons
from distilbench.claims._verdict_c import curve_verdicts
from distilbench.compute import PAPER_RATIO


@lru_cache(maxsize=1)  # the page asks twice, and who writes them beside it once more
def verdicts(claims: Claims) -> Verdicts:
    """The verdict of every claim under every scope, with what it rests on; and, without that, the
    verdicts under other thresholds, margins, sources, modes and settings."""
    every = [*creation_verdicts(claims), *size_verdicts(claims), *curve_verdicts(claims)]
    own = [one for one in every if is_own(one.terms, claims)]
    return Verdicts(
        distilbench_version=version("distilbench"),
        draws=claims.draws,
        seed=claims.seed,
        verdicts=tuple(with_comparisons(one, claims) for one in own),
        under_other_terms=tuple(_bare(one) for one in every if not is_own(one.terms, claims)),
    )


def is_own(terms: Terms, claims: Claims) -> bool:
    """Whether the terms are those that the claims were checked under. Claim (b) is told with
    modes merged and apart."""
    return (
        terms.measured_by == claims.measured_by
        and terms.times in (None, PAPER_RATIO)
        and terms.margin_points in (None, claims.margin)
        and terms.settings in (None, "as far as known")
    )


def _bare(found: Verdict) -> Verdict:
    """Without what it rests on, which the verdict under the page's own terms has."""
    said = Evidence(sentence=found.evidence.sentence, counts=found.evidence.counts)
    return found.model_copy(update={"evidence": said})
