"""The timing of one generation."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Timing(BaseModel):
    """Times in seconds and counts in tokens of one generation.

    ``prefill_s`` and ``decode_s`` are read from the engine's own clock, ``total_s`` from the
    caller's, so it includes queueing and transport; ``ttft_s`` is ``total_s`` less ``decode_s``:
    queueing, transport and prefill.

    Of a model behind a server all times are of the client's clock and include the network:
    ``ttft_s`` is the time from the request sent to the first streamed event with content,
    ``decode_s`` from that event to the last, ``inter_token_p99_s`` the 99th percentile of the
    gaps between events (an event may bring several tokens). They are those of the attempt that
    gave the answer: ``retries`` attempts failed before it, over ``retry_s`` with their waiting.

    Null where an engine does not say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_tokens: int | None
    cached_tokens: int | None = None
    output_tokens: int | None
    reasoning_tokens: int | None = None
    prefill_s: float | None = None
    ttft_s: float | None = None
    decode_s: float | None = None
    total_s: float
    inter_token_p99_s: float | None = None
    retries: int | None = None
    retry_s: float | None = None


def summed(timings: Sequence[Timing]) -> Timing:
    """Several generations for one answer, one after the other: sums, but the first's time to first
    token, and no gap between tokens. What one of them does not say is null."""
    fields = ("input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
    times = ("prefill_s", "decode_s", "total_s", "retries", "retry_s")
    columns = {name: [getattr(timing, name) for timing in timings] for name in (*fields, *times)}
    sums = {name: None if None in values else sum(values) for name, values in columns.items()}
    return Timing(ttft_s=timings[0].ttft_s, **sums)
