"""Turns a sample of an Inspect log into a sample record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from distilbench.architecture import ModelShape
from distilbench.engines import (
    FAILURE_KEY,
    FORCED_KEY,
    READ_KEY,
    THINKING_KEY,
    tokens_of,
)
from distilbench.meter import Energy, Stretch, Timing, api_impact, apportion, inference_flops
from distilbench.records import ORIGIN, Outcome, SampleRecord
from distilbench.runner._calls import Calls, calls_of
from distilbench.runner._plan import Cell
from distilbench.tasks import InspectTask, Question, QuestionSet, TaskSpec, main_score, vote_of

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample

_STOP_REASONS: dict[str, Outcome] = {"max_tokens": "length", "model_length": "context_overflow"}
_CLOCK_SLACK_S = 0.01  # Inspect rounds its times
_CLOCK_MOVED_S = 1.0  # more than a clock that is set right little by little moves in a question
_SECONDS = (
    "prefill_s", "ttft_s", "decode_s", "total_s", "inter_token_s", "inter_token_p99_s", "retry_s",
    "tools_s", "answer_s",
)  # fmt: skip
_STOPPED = "stopped, the machine asleep or its clock set while its time ran: no fault of the model"


def span(sample: EvalSample) -> tuple[float, float]:
    """When a sample began and ended, seconds since the epoch."""
    return _seconds(sample.started_at), _seconds(sample.completed_at)


def energy_shares(spans: list[tuple[float, float]], energy: Energy | None) -> list[float | None]:
    """Joules of each sample; null for those outside of the window: of an earlier attempt, or after
    the clock was set."""
    if energy is None:
        return [None] * len(spans)
    shares = apportion(energy, spans)
    first, last = energy.begun - _CLOCK_SLACK_S, energy.ended + _CLOCK_SLACK_S
    inside = [first <= begun <= ended <= last for begun, ended in spans]
    return [share if held else None for share, held in zip(shares, inside, strict=True)]


def charged(
    record: SampleRecord, energy_j: float | None, energy_method: str | None, limit_j: float | None
) -> SampleRecord:
    """A sample record with its joules, and without a score if they are over the limit."""
    energy_j = None if record.suspended else energy_j
    if limit_j is not None and energy_j is not None and energy_j > limit_j:
        record = replace(record, outcome="over_energy", score=0.0)
    return replace(record, energy_j=energy_j, energy_method=energy_method)


def sample_record(
    sample: EvalSample,
    cell: Cell,
    run: str,
    shape: ModelShape | None,
    seen: Sequence[Stretch] = (),
) -> SampleRecord:
    """One question answered once, without its energy: :func:`charged`. ``shape`` null: the FLOPs
    are not known. ``seen``: of the machine meanwhile; the seconds and joules of a question that met
    a stop are none of the model's."""
    calls = calls_of(sample)
    timing = _timing(sample, calls)
    stopped = _clock_moved(sample) or _met(sample, seen)
    noted, grade = sample.output.metadata or {}, _grade(sample, cell)
    fields = {
        "run": run,
        "cell": cell.name,
        "origin": ORIGIN,
        "model": cell.model.name,
        "task": cell.task.name,
        "profile": cell.profile.name,
        "seed": cell.seed,
        "sample_id": str(sample.id),
        "epoch": sample.epoch,
        "repeat": cell.repeat,
        "begun_s": span(sample)[0] or None,
        "cluster": _cluster(sample, cell.task),
        **grade,
        "budget_forced": noted.get(FORCED_KEY),
        "thinking_truncated": noted.get(THINKING_KEY),
        **(timing.model_dump() if timing else {}),
        **({} if timing and timing.retries is not None else _failed_attempts(sample)),
        **calls.columns(),
        "inter_token_s": _inter_token_s(timing, len(calls.made) or 1) if timing else None,
        "suspended": stopped,
        **(dict.fromkeys(_SECONDS) if stopped else {}),
        **(_flops(shape, _passes(sample, calls)) if shape else {}),
        **_api_energy(cell, timing, calls, stopped),
        "error": _STOPPED if stopped and grade["outcome"] == "timeout" else _error(sample),
        **({"error": grade["error"]} if grade.get("error") else {}),
    }
    return SampleRecord(**fields)


def _outcome(sample: EvalSample) -> Outcome:
    if sample.error:
        return "error"
    if sample.limit:
        return "timeout" if sample.limit.type in ("time", "working") else "length"
    failed: Outcome | None = _failure(sample).get("outcome")
    if failed or not sample.output.choices:  # a solver need not call a model
        return failed or "stop"
    return _STOP_REASONS.get(sample.output.stop_reason, "stop")


def _seconds(moment: str | None) -> float:
    return datetime.fromisoformat(moment).timestamp() if moment else 0.0


def _failure(sample: EvalSample) -> dict[str, Any]:
    """The outcome and message of an engine that died of the question; empty if it did not."""
    return dict((sample.output.metadata or {}).get(FAILURE_KEY) or {})


def _grade(sample: EvalSample, cell: Cell) -> dict[str, Any]:
    target = sample.target if isinstance(sample.target, str) else "; ".join(sample.target)
    outcome = _outcome(sample)
    if not sample.scores or sample.error:
        return {"score": 0.0, "answer": None, "target": target, "outcome": outcome}
    wanted = main_score(cell.task) if isinstance(cell.task, InspectTask) else None
    score = sample.scores.get(wanted or "") or next(iter(sample.scores.values()))
    answer = None if _cut_thought(sample) else score.answer
    graded = {"answer": answer, "target": target, "outcome": outcome}
    try:
        share = as_share(score.value, wanted)
        vote = vote_of(answer, target, share, getattr(cell.task, "grader", "exact"))
        return {**graded, "score": share, "vote": vote}
    except ValueError as error:
        return {**graded, "score": 0.0, "outcome": "error", "error": str(error)}


def as_share(value: Any, wanted: str | None) -> float:
    """The value of an Inspect score as a number in [0, 1].

    Of a score with several values, the one that ``wanted`` names, or the first; ``a/b`` is the
    ratio of two. Raises ``ValueError`` if that is no number in [0, 1].
    """
    from inspect_ai.scorer import value_to_float

    if isinstance(value, dict):
        over, _, under = (wanted or next(iter(value))).partition("/")
        missing = [name for name in filter(None, (over, under)) if name not in value]
        if missing:
            raise ValueError(f"the score has no value {missing[0]!r}; it has: {', '.join(value)}")
        share, whole = value_to_float()(value[over]), value_to_float()(value[under]) if under else 1
        if whole == 0:
            raise ValueError(f"the score's {under!r} is 0")
        share /= whole
    else:
        share = value_to_float()(value)
    if not 0 <= share <= 1:
        raise ValueError(f"the score {share:g} is not in [0, 1]; choose another with 'score'")
    return share


def strata(asked: QuestionSet, questions: Sequence[Question]) -> dict[str, dict[str, Any]]:
    """Of a random subset, what it was drawn from, as columns of the records of these questions."""
    if asked.strata is None:
        return {}
    everything = sum(asked.strata.values())
    return {
        question.id: {
            "stratum": question.stratum,
            "stratum_questions": asked.strata[question.stratum or ""],
            "all_questions": everything,
        }
        for question in questions
    }


def _cut_thought(sample: EvalSample) -> bool:
    return bool((sample.output.metadata or {}).get(THINKING_KEY))


def _cluster(sample: EvalSample, task: TaskSpec) -> str:
    key = task.cluster if isinstance(task, InspectTask) else "cluster"
    return str((key and sample.metadata.get(key)) or sample.id)


def _timing(sample: EvalSample, calls: Calls) -> Timing | None:
    """What the meter noted of the answer; in a log that Inspect made without us, what that says.
    A question without an answer took its time if a limit ended it; after an error there is no
    latency of an answer to speak of."""
    if noted := calls.timing():
        return noted
    refused = _failure(sample).get("outcome") == "error"  # no model was asked
    if sample.error or refused or sample.total_time is None:
        return None
    return Timing(**tokens_of(sample.output), total_s=sample.output.time or sample.total_time)


def _error(sample: EvalSample) -> str | None:
    """Why there is no answer: of a server that failed to the last, what it said last."""
    if not sample.error:
        return cast("str | None", _failure(sample).get("message"))
    failed = _failures(sample)
    if not failed or "RetryError" not in sample.error.message:
        return sample.error.message
    return f"{failed[-1]} ({len(failed)} attempts)"


def _failed_attempts(sample: EvalSample) -> dict[str, int]:
    """Attempts at an answer that never came, as the log holds them; the first is no retry."""
    failed = _failures(sample)
    return {"retries": len(failed) - 1} if failed else {}


def _failures(sample: EvalSample) -> list[str]:
    """What went wrong at each attempt that failed."""
    from inspect_ai.event import ModelEvent

    return [e.error for e in sample.events if isinstance(e, ModelEvent) and e.error]


def _met(sample: EvalSample, seen: Sequence[Stretch]) -> bool | None:
    """Whether a question was being answered in a stretch in which nothing ran; null: nobody looked
    yet when it began."""
    begun, ended = _seconds(sample.started_at), _seconds(sample.completed_at)
    slack = _CLOCK_SLACK_S
    if any(s.begun < ended + slack and s.ended > begun - slack for s in seen if s.stopped):
        return True
    return False if any(s.begun < begun + slack for s in seen) else None


def _clock_moved(sample: EvalSample) -> bool:
    """Whether the clock of the wall and one that nobody sets, and that stands still in sleep
    (Linux), differ on how long it took: nobody knows which stops it met."""
    if sample.total_time is None or not (sample.started_at and sample.completed_at):
        return False
    wall_s = _seconds(sample.completed_at) - _seconds(sample.started_at)
    return abs(wall_s - sample.total_time) > _CLOCK_MOVED_S


def _inter_token_s(timing: Timing, calls: int) -> float | None:
    """``calls``: of each, the first token has none before it."""
    gaps = (timing.output_tokens or 0) - calls
    return timing.decode_s / gaps if timing.decode_s and gaps > 0 else None


def _passes(sample: EvalSample, calls: Calls) -> list[tuple[int | None, int | None, int]]:
    """Tokens that each generation read, wrote, and of the first found cached; null: not known. A
    text whose likelihood was asked for takes what writing it behind its context takes."""
    read = (sample.output.metadata or {}).get(READ_KEY)
    if read:
        return [(context, text, cached) for context, text, cached in read]
    made = calls.made if calls.whole else []
    return [(g.input_tokens, g.output_tokens, g.cached_tokens or 0) for g in made]


def _api_energy(
    cell: Cell, timing: Timing | None, calls: Calls, stopped: bool | None
) -> dict[str, float]:
    """What a remote API may have taken for an answer; none where its seconds are not known."""
    if cell.api_energy is None or timing is None or stopped:
        return {}
    count = len(calls.made) or 1
    found = api_impact(cell.api_energy, timing.output_tokens, timing.total_s, count)
    return {f"api_{name}": value for name, value in found._asdict().items()} if found else {}


def _flops(shape: ModelShape, tokens: list[tuple[int | None, int | None, int]]) -> dict[str, float]:
    """Of all generations of an answer; none where the tokens of one are not known."""
    counted = [
        inference_flops(shape, sent, made, cached)
        for sent, made, cached in tokens
        if sent is not None and made is not None
    ]
    if not counted or len(counted) < len(tokens):
        return {}
    prefill, decode = sum(c.prefill for c in counted), sum(c.decode for c in counted)
    return {
        "prefill_flops": prefill,
        "decode_flops": decode,
        "cached_flops": sum(c.cached for c in counted),
        "flops": prefill + decode,
    }
