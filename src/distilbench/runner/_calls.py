"""What a sample's model calls took together: an agent asks its model again after each tool.

The model's own figures (tokens, seconds, FLOPs) are sums over the calls that its answer took. What
a scorer asks of a model is grading and counts in none of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from distilbench.engines import METADATA_KEY
from distilbench.meter import Timing, summed
from distilbench.providers import HERE, SERVER, runs_on
from distilbench.runner._together import covered_s

if TYPE_CHECKING:
    from inspect_ai.event import ModelEvent
    from inspect_ai.log import EvalSample

GRADED = "not available: the scorer asked {}, whose joules cannot be told from the answers'"
_GRADING = ("scorers", "scorer")


class Calls(NamedTuple):
    """The calls of one sample. ``made``: those that were metered, in their order; ``whole``:
    whether these are all, so that none was cut off by a limit or taken from Inspect's cache."""

    made: list[Timing]
    whole: bool
    tool_calls: int | None
    tools_s: float | None
    """While a tool was at work, of several at the same time once."""
    answer_s: float | None
    """From the first call's beginning to the last one's end, with all between them."""

    def timing(self) -> Timing | None:
        """Of all together; null: none was metered. Of calls of which one is not known only the
        first token's time is, and how long all took."""
        if not self.made:
            return None
        if self.whole:
            return self.made[0] if len(self.made) == 1 else summed(self.made)
        took = self.answer_s or sum(timing.total_s for timing in self.made)
        return Timing(
            input_tokens=None, output_tokens=None, ttft_s=self.made[0].ttft_s, total_s=took
        )

    def columns(self) -> dict[str, Any]:
        """Fields of the sample's record beside those of its timing."""
        return {
            "model_calls": len(self.made) if self.made and self.whole else None,
            "tool_calls": self.tool_calls,
            "tools_s": self.tools_s,
            "answer_s": self.answer_s,
        }


def calls_of(sample: EvalSample) -> Calls:
    """What the log says of a sample's calls; of a log without events, what its output says."""
    from inspect_ai.event import ToolEvent

    last = (sample.output.metadata or {}).get(METADATA_KEY)
    if not sample.events:
        return Calls([Timing.model_validate(last)] if last else [], True, None, None, None)
    asked = [event for event in _asked(sample, grading=False) if not _failed(event)]
    noted = [(event.output.metadata or {}).get(METADATA_KEY) for event in asked]
    made = [Timing.model_validate(timing) for timing in noted if timing]
    if last and not made:  # an engine that died tells of no attempt but in the output
        made = [Timing.model_validate(last)]
    of_it = {event.model for event, timing in zip(asked, noted, strict=True) if timing}
    whole = not any(
        event.model in of_it and (_cut(event) or event.cache == "read") for event in asked
    )
    tools = [event for event in sample.events if isinstance(event, ToolEvent)]
    ended = datetime.fromisoformat(sample.completed_at) if sample.completed_at else None
    return Calls(
        made,
        whole,
        len(tools),
        covered_s(_spans((event.timestamp, event.completed) for event in tools)),
        _from_first_to_last([event for event in asked if event.model in of_it], ended),
    )


def graders_here(sample: EvalSample, reference: str) -> set[str]:
    """The models that grading asked and that may have worked where the sample's own model
    (``reference``) did: this one itself, and all that are no company's."""
    asked = {event.model for event in _asked(sample, grading=True)}
    return {m for m in asked if m == reference or runs_on(m, None) in (HERE, SERVER, None)}


def _asked(sample: EvalSample, grading: bool) -> list[ModelEvent]:
    from inspect_ai.event import ModelEvent, SpanBeginEvent

    scoring: set[str | None] = set()
    found = []
    for event in sample.events:
        if isinstance(event, SpanBeginEvent):
            if event.type in _GRADING or event.parent_id in scoring:
                scoring.add(event.id)
        elif isinstance(event, ModelEvent) and (event.span_id in scoring) == grading:
            found.append(event)
    return found


def _failed(event: ModelEvent) -> bool:
    """An attempt that was made again: the meter has it among the retries of the next."""
    return event.error is not None and not _cut(event)


def _cut(event: ModelEvent) -> bool:
    """Whether a limit ended it, so that nobody heard what it took."""
    return bool(event.pending) or (event.error or "").startswith("Cancelled by")


def _from_first_to_last(events: Sequence[ModelEvent], ended: datetime | None) -> float | None:
    """``ended``: when the sample was, and with it a call that a limit cut."""
    spans = _spans((event.timestamp, event.completed or ended) for event in events)
    return max(end for _, end in spans) - min(begun for begun, _ in spans) if spans else None


def _spans(times: Iterable[tuple[datetime, datetime | None]]) -> list[tuple[float, float]]:
    return [(begun.timestamp(), ended.timestamp()) for begun, ended in times if ended is not None]
