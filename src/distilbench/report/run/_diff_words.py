"""What a diff says: a sentence, the rows of its tables, and Markdown for a comment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from distilbench.report.page import NOT_AVAILABLE, markdown_text, points, points_range, rounded, si
from distilbench.report.run._diff import Comparison, Diff
from distilbench.report.run._running import Ratio

COMPARISONS = (
    "model", "task", "questions", "baseline", "candidate", "difference", "95% interval", "p, Holm",
    "decision",
)  # fmt: skip
RATIOS = ("model", "cost", "baseline", "candidate", "ratio", "known")


def diff_sentences(diff: Diff) -> Iterator[str]:
    """The verdict, and what it does not rest on."""
    yield _verdict(diff)
    yield from diff.not_compared
    for one in diff.comparisons:
        yield from _of_failures(one)
        if one.only_baseline or one.only_candidate:
            yield (
                f"{_named(one)}: {one.only_baseline:,} questions are only in {diff.baseline},"
                f" {one.only_candidate:,} only in {diff.candidate}; {one.questions:,} are compared."
            )


def _verdict(diff: Diff) -> str:
    number, margin = len(diff.comparisons), f"{100 * diff.margin:g} percentage points"
    of = f"of {number} comparison{'s' if number > 1 else ''}"
    new, old = _sides(diff)
    worse = [_named(one) for one in diff.comparisons if one.decision in ("worse", "lost")]
    if worse:
        return f"{new} is worse than {old} in {len(worse)} {of}: {_few(worse)}."
    left = [one for one in diff.comparisons if one.decision in ("undecided", "silent")]
    if left:
        return (
            f"It is not decided whether {new} is worse than {old} by more than {margin} in"
            f" {len(left)} {of}: {_few([_named(one) for one in left])}.{_visible(left)}"
        )
    said = f"{new} is not worse than {old} by more than {margin} in any {of}"
    return f"{said}; not everything was compared." if diff.not_compared else f"{said}."


def _visible(left: Sequence[Comparison]) -> str:
    """What the questions of comparisons that decide nothing could have shown."""
    seen = [one.visible for one in left if one.visible is not None]
    if not seen:
        return ""
    low, high = (rounded(100 * min(share, 1.0)) for share in (min(seen), max(seen)))
    span = low if low == high else f"{low} to {high}"
    return (
        f" Their questions show differences of {span} points or more (with a probability of 80%);"
        " a smaller one would likely be missed."
    )


def _sides(diff: Diff) -> tuple[str, str]:
    """The two that are compared, in words: runs; of one run its models."""
    if diff.candidate != diff.baseline:
        return diff.candidate, diff.baseline
    pairs = {(one.candidate, one.baseline) for one in diff.comparisons}
    return next(iter(pairs)) if len(pairs) == 1 else ("the candidate", "the baseline")


def _few(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return "; ".join(names[:most]) + more


def _of_failures(one: Comparison) -> Iterator[str]:
    counts = one.failed_baseline, one.failed_candidate
    if not any(counts):
        return
    without = one.both_answered
    rest = "no question was answered by both"
    if without:
        rest = (
            f"on the {without.questions:,} questions that both answered the difference is"
            f" {points(without.difference)} points ({points_range(without.low, without.high)})"
        )
    yield (
        f"{_named(one)}: {counts[0]:,} answers of the baseline and {counts[1]:,} of the candidate"
        f" are none (error, crash, out of memory, time or context) and count as wrong; {rest}."
    )


def comparison_rows(diff: Diff) -> list[tuple[str, ...]]:
    """The cells of each comparison, under COMPARISONS."""
    return [
        (
            _models(one.baseline, one.candidate),
            one.task or "mean over tasks",
            f"{one.questions:,}" if one.difference is not None else "",
            _percent(one.accuracy_baseline),
            _percent(one.accuracy_candidate),
            points(one.difference),
            points_range(one.low, one.high),
            NOT_AVAILABLE if one.p_holm is None else f"{one.p_holm:.2g}",
            _decision(one),
        )
        for one in diff.comparisons
    ]


def ratio_rows(diff: Diff) -> list[tuple[str, ...]]:
    """The cells of each running cost, under RATIOS."""
    return [
        (
            _models(one.baseline, one.candidate),
            one.cost,
            _amount(one.of_baseline, one),
            _amount(one.of_candidate, one),
            NOT_AVAILABLE if one.ratio is None else f"{one.ratio:.3g}",
            f"{one.known}, {one.remark}" if one.remark else one.known,
        )
        for one in diff.running
    ]


def _amount(value: float | None, ratio: Ratio) -> str:
    if value is None:
        return NOT_AVAILABLE
    if ratio.unit == "bytes":
        return f"{value / 2**20:,.0f} MiB"
    return f"{si(value)} {ratio.unit}"


def diff_markdown(diff: Diff) -> str:
    """All of it in Markdown, as a comment on a pull request takes it."""
    say = markdown_text
    said, *more = diff_sentences(diff)
    new, old = _sides(diff)
    lines = [f"### {say(new)} against {say(old)}", "", f"**{say(said)}**", ""]
    lines += [f"- {say(sentence)}" for sentence in more] + ([""] if more else [])
    lines += _table(COMPARISONS, comparison_rows(diff))
    if diff.running:
        lines += ["Running cost, candidate / baseline:", "", *_table(RATIOS, ratio_rows(diff))]
    lines += [f"- {say(note)}" for note in diff.notes] + ([""] if diff.notes else [])
    number = sum(one.p_holm is not None for one in diff.comparisons)
    lines.append(
        "Differences are candidate minus baseline in percentage points, paired by question; p"
        f" values are corrected for {number} comparisons (Holm)."
    )
    return "\n".join(lines)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (columns, ["---"] * len(columns), *rows):
        yield f"| {' | '.join(markdown_text(cell) for cell in row)} |"
    yield ""


def _models(a: str, b: str) -> str:
    return a if a == b else f"{a} → {b}"


def _named(one: Comparison) -> str:
    task = one.task or "mean over tasks"
    return f"{_models(one.baseline, one.candidate)} on {task}"


def _percent(share: float | None) -> str:
    return NOT_AVAILABLE if share is None else f"{share:.1%}"


def _decision(one: Comparison) -> str:
    if one.why:
        return f"{'worse: ' if one.decision == 'lost' else ''}{one.why}"
    if one.decision == "within the margin":
        return "lower, within the margin"
    if one.decision != "undecided":
        return one.decision
    if one.visible is None:
        return "not decided"
    return f"not decided (shows {rounded(100 * min(one.visible, 1.0))} points or more)"
