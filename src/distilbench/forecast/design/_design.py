"""All routes of a wish, in order of what is known of them, and what that says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from distilbench.catalog import Benchmark, Catalog
from distilbench.compute import interval
from distilbench.errors import InputError, use_one_of
from distilbench.forecast.design._evidence import KnownScore
from distilbench.forecast.design._law import law_words
from distilbench.forecast.design._routes import KINDS, Route, routes
from distilbench.forecast.design._wish import Wish


@dataclass(frozen=True)
class Design:
    """``routes``: by kind, in each those with a known score first. ``setting``: the one in which
    most of the models that fit have a score, or which was measured: scores of other settings do
    not compare with it. ``sentences``: what follows, and what does not."""

    wish: Wish
    routes: tuple[Route, ...]
    setting: str | None
    sentences: tuple[str, ...]


def design(
    wish: Wish, catalog: Catalog, measured: Mapping[str, Sequence[KnownScore]] | None = None
) -> Design:
    """Every route to a model that fits the wish. ``measured``: scores of the user's own runs on
    the task, by card.

    Raises ``InputError`` for a task that is no benchmark of the catalog, or an accelerator without
    a peak rate.
    """
    if wish.benchmark not in catalog.benchmarks:
        raise InputError(
            f"--task {wish.benchmark}",
            "is no benchmark that cards have scores of",
            use_one_of(wish.benchmark, catalog.benchmarks),
        )
    if wish.accelerator.peak_bf16_flops is None or wish.accelerator.power_w is None:
        name = wish.accelerator.name
        raise InputError(name, "has no peak rate or power", "take another --accelerator")
    found = [_complete(route, catalog, measured or {}) for route in routes(wish, catalog)]
    setting = _setting(found)
    benchmark = catalog.benchmarks[wish.benchmark]
    ordered = tuple(sorted(found, key=lambda route: _rank(route, setting, benchmark)))
    return Design(wish, ordered, setting, tuple(_sentences(wish, ordered, setting, benchmark)))


def _complete(
    route: Route, catalog: Catalog, measured: Mapping[str, Sequence[KnownScore]]
) -> Route:
    """With what was measured of the model as it is, and the scaling law's word."""
    route = replace(route, scores=(*measured.get(route.student, ()), *route.scores))
    if route.kind != "distil" or route.tokens is None or route.flops_per_trained_token is None:
        return route
    student, teacher = catalog.cards[route.student], catalog.cards[route.teacher or ""]
    told, unknown = law_words(student, teacher, route.tokens, route.flops_per_trained_token)
    return replace(route, evidence=(*route.evidence, *told), unknown=(*route.unknown, *unknown))


def _setting(found: Sequence[Route]) -> str | None:
    """Of what exists: the measured setting that most have, else the published one."""
    for known in ("measured", "published"):
        count = Counter(
            setting
            for route in found
            if route.kind in ("take", "quantize")
            for setting in {score.setting for score in route.scores if score.known == known}
        )
        if count:
            return max(sorted(count), key=lambda setting: count[setting])
    return None


def _own(route: Route, setting: str | None, benchmark: Benchmark) -> KnownScore | None:
    """The best score in a setting of the model as it is; of what is pruned, of the whole one."""
    whole = route.kind == "prune and distil"
    return _best_in(route.teacher_scores if whole else route.scores, setting, benchmark)


def _best_in(
    scores: Sequence[KnownScore], setting: str | None, benchmark: Benchmark
) -> KnownScore | None:
    told = [score for score in scores if score.setting == setting]
    return max(told, key=lambda score: benchmark.merit(score.value), default=None)


def _rank(
    route: Route, setting: str | None, benchmark: Benchmark
) -> tuple[int, bool, float, float, float, str]:
    """By kind; with a score in the setting first, the best of them; then by the teacher's; the
    largest."""
    score = _own(route, setting, benchmark)
    teacher = _best_in(route.teacher_scores, setting, benchmark)
    return (
        KINDS.index(route.kind),
        score is None,
        -benchmark.merit(score.value) if score else 0.0,
        -benchmark.merit(teacher.value) if teacher else float("inf"),
        -route.active_parameters,
        route.student,
    )


def _sentences(
    wish: Wish, found: Sequence[Route], setting: str | None, benchmark: Benchmark
) -> list[str]:
    existing = [route for route in found if route.kind in ("take", "quantize")]
    told = [_best(existing, setting, benchmark)]
    trained = [route for route in found if route.tokens is not None]
    if not trained:
        why = "there is no money for it" if wish.usd == 0 else "no model of the catalog allows it"
        return [*told, f"Nothing can be trained: {why}."]
    for kind in KINDS[2:]:
        of_kind = [route for route in trained if route.kind == kind]
        if of_kind:
            told.append(_buys(of_kind[0], wish))
    told.append(
        "Which of these scores highest is not known before it is tried: a route that trains has"
        " evidence from others' models, not a prediction. Try the best existing model on your own"
        " questions first (distilbench run), then give that run with --run."
    )
    return told


def _best(existing: Sequence[Route], setting: str | None, benchmark: Benchmark) -> str:
    if not existing:
        return "No model of the catalog fits the memory, not even in 4 bits."
    scored = [(route, _own(route, setting, benchmark)) for route in existing]
    known = [(route, score) for route, score in scored if score is not None]
    if not known:
        return f"{len(existing)} models fit; none has a published score on {benchmark.name}."
    route, best = max(known, key=lambda pair: benchmark.merit(pair[1].value))
    limits = "" if best.low is None else f" ({best.low:.1f} to {best.high:.1f})"
    others = len(existing) - len(known)
    rest = f"; {others} more fit, without a score in that setting" if others else ""
    return (
        f"Of {len(known)} models that fit and have a {best.known} score on {benchmark.name} in the"
        f" same setting ({setting}), {route.student} in {route.quantization} has the best:"
        f" {best.value:g}{limits}{rest}."
    )


def _buys(route: Route, wish: Wish) -> str:
    assert route.tokens is not None  # of routes that train
    tokens = interval(route.tokens)
    way = f"from {route.teacher}" if route.teacher else "on gold answers"
    near = f" Nearest example: {route.evidence[0]}." if route.evidence else ""
    return (
        f"To {route.kind} {route.student} {way}, {wish.usd:g} US dollars pay for"
        f" {tokens.central:.2g} tokens ({tokens.p5:.2g} to {tokens.p95:.2g}).{near}"
    )
