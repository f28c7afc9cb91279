"""The first screen of a sweep's page: how many users within the objectives, what then breaks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from distilbench.report.load._data import Sweep
from distilbench.report.load._within import (
    LOOSER,
    SHARE,
    Level,
    asked,
    judged,
    percentile_of,
    users_within,
)
from distilbench.report.page import NOT_AVAILABLE, Card, Cards, Fact, Section, Tone, interval_words

TIMES = {
    "ttft_s": "time to first token", "inter_token_s": "time between tokens",
    "latency_s": "time of a whole request",
}  # fmt: skip
_OPTIONS = "--ttft-s, --inter-token-s or --latency-s"


def question(sweep: Sweep) -> str:
    """What the page answers, in a line."""
    limits = asked(sweep.facts)
    within = f" within {objectives(limits)}" if limits else ""
    return f"How many users at once can {sweep.facts['target']} serve{within}?"


def answer(sweep: Sweep) -> Section:
    """Cards: users within the objectives, what breaks beyond them, throughput."""
    limits = asked(sweep.facts)
    levels = judged(sweep.levels, limits)
    cards = [within(levels, limits), *beyond(sweep.levels.to_dicts(), levels, limits)]
    return Section("The answer", (Cards("The answer", [*cards, throughput(sweep)]),))


def within(levels: Sequence[Level], limits: Mapping[str, float]) -> Card:
    """How many users keep to the objectives."""
    if not limits:
        why = f"None was given: {_OPTIONS} make this page say how many users keep to it."
        return Card("No objective", "no objective", "none", (why,))
    most = users_within(levels)
    stopped = next((one for one in levels if not one.keeps()), None)
    title, badge, tone = _verdict(most, levels[0], stopped)
    return Card(title, badge, tone, tuple(_reasons(levels, most, stopped, limits)), _facts(levels))


def _verdict(most: int, first: Level, stopped: Level | None) -> tuple[str, str, Tone]:
    """Title, badge and its tone. ``stopped``: the first level that does not keep, or may not."""
    if stopped is None or (most and stopped.kept is None):
        kept = "kept at every level" if stopped is None else f"kept up to {_users(most)}"
        return f"At least {_users(most)} within your objectives", kept, "good"
    if most:
        return f"{_users(most)} within your objectives", f"kept up to {_users(most)}", "good"
    if stopped.kept is None:
        return "Users within your objectives: not known", NOT_AVAILABLE, "none"
    few = "Not even 1 user" if first.users == 1 else f"Fewer than {_users(first.users)}, if any,"
    return f"{few} within your objectives", "not kept", "bad"


def _reasons(
    levels: Sequence[Level], most: int, stopped: Level | None, limits: Mapping[str, float]
) -> Iterator[str]:
    """The counts that decide, how sure they are, and what was not measured."""
    yield f"The objective: {objectives(limits)}, for at least {SHARE:.0%} of the requests."
    best = next((one for one in levels if one.users == most), None)
    if best is not None:
        low, high = best.interval()
        yield (
            f"With {_users(best.users)} {_counted(best)} kept to it (95% interval of that share"
            f" {low:.0%} to {high:.0%})."
        )
    if stopped is None:
        only = "Only this level was measured" if len(levels) == 1 else "More were not measured"
        yield f"{only}: --most or --concurrency with more users finds where it ends."
        return
    if stopped.kept is None:
        yield f"With {_users(stopped.users)} a time that has an objective was not measured."
        return
    yield f"With {_users(stopped.users)} {_counted(stopped)} kept to it."
    if stopped.users > most + 1:
        where = (
            f"Between {most} and {stopped.users} users" if most else f"Below {stopped.users} users"
        )
        yield f"{where} nothing was measured."
    if any(one.keeps() for one in levels if one.users > stopped.users):
        yield (
            "At a higher level it was kept again: the figures are noisy, and more --requests"
            " a level would settle it."
        )


def beyond(
    rows: Sequence[Mapping[str, Any]], levels: Sequence[Level], limits: Mapping[str, float]
) -> Iterator[Card]:
    """What breaks at the first level that does not keep to the objectives, if there is one."""
    stopped = next((one for one in levels if one.keeps() is False), None)
    if not limits or stopped is None:
        return
    row = next(row for row in rows if row["concurrency"] == stopped.users)
    over = {
        name: value
        for name in limits
        if (value := row[percentile_of(name, 99)]) is not None and value > limits[name]
    }
    said = [
        f"The 99th percentile of the {TIMES[name]} is {_seconds(value)}; the objective is"
        f" {_seconds(limits[name])}."
        for name, value in over.items()
    ]
    badge = [TIMES[name] for name in over]
    if row["failed"]:
        said.append(f"{row['failed']:,} of {row['requests']:,} requests failed.")
        badge.append("failures")
    if not said:
        missed = stopped.requests - (stopped.kept or 0)
        said = [
            f"{missed:,} of {row['requests']:,} requests, though the 99th percentile of each time"
            " is within its objective."
        ]
    title = f"What breaks with {_users(stopped.users)}"
    yield Card(title, ", ".join(badge) or "single requests", "bad", said)


_NO_INTERVAL = "It has no interval: too few requests for their length (--requests)."


def throughput(sweep: Sweep) -> Card:
    """What it generates at most, and whether more users would bring more."""
    best = sweep.levels.sort("output_tokens_per_s", descending=True).row(0, named=True)
    last = int(sweep.levels["concurrency"].max())  # type: ignore[arg-type]
    title = f"At most {best['output_tokens_per_s']:,.1f} tokens a second"
    saturated = sweep.facts["saturated"]
    badge = f"saturated at {_users(last)}" if saturated else "saturation not reached"
    ends = interval_words(
        best.get("output_tokens_per_s_low"), best.get("output_tokens_per_s_high"), "{:,.1f}".format
    )
    sure = f" 95% interval of that level{ends}." if ends else f" {_NO_INTERVAL}"
    said = [f"With {_users(best['concurrency'])}, of all answers together.{sure}"]
    if saturated:
        said.append(_saturation(sweep.levels.sort("concurrency").row(-1, named=True)))
    else:
        said.append("More users than were measured may bring more.")
    failed = int(sweep.levels["failed"].sum())
    if failed:
        said.append(f"{failed:,} of {int(sweep.levels['requests'].sum()):,} requests failed.")
    facts = [Fact("requests a second", f"{best['requests_per_s']:,.3g}", "answered ones, measured")]
    return Card(title, badge, "none", said, facts)


def _saturation(row: Mapping[str, Any]) -> str:
    """Why more users than those of the highest level bring no more."""
    if 2 * row["failed"] > row["requests"]:
        return f"Most requests failed with {_users(row['concurrency'])}."
    return f"{_users(row['concurrency'])} bring under 5% more than half as many or fewer do."


def _facts(levels: Sequence[Level]) -> list[Fact]:
    """The same by a looser rule, and how far the levels go."""
    looser = users_within(levels, LOOSER)
    known = levels[0].kept is not None
    return [
        Fact(
            f"users, for {LOOSER:.0%} of the requests",
            NOT_AVAILABLE if not known else f"{looser:,}" if looser else "none",
            "the most users of the measured levels, derived from counts of requests",
        ),
        Fact("levels measured", ", ".join(f"{one.users:,}" for one in levels), "users at once"),
    ]


def objectives(limits: Mapping[str, float]) -> str:
    """'time to first token ≤ 1 s and time between tokens ≤ 0.1 s'."""
    return " and ".join(f"{TIMES[name]} ≤ {_seconds(most)}" for name, most in limits.items())


def _counted(level: Level) -> str:
    return f"{level.kept:,} of {level.requests:,} requests"


def _users(count: int) -> str:
    return "1 user" if count == 1 else f"{count:,} users"


def _seconds(value: float) -> str:
    return f"{value:.4g} s"
