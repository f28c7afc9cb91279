"""Tells a thought from the answer behind it. The one place that does, for every engine.

The embedded engine's provider calls :func:`separated` on what it made; :func:`separating` does it
for any other provider of Inspect, behind whatever the provider parsed itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from distilbench.engines._settings import THINKING_KEY

if TYPE_CHECKING:
    from inspect_ai.model import ChatMessageAssistant, Model, ModelOutput

_CUT = ("max_tokens", "model_length")


class Marker(NamedTuple):
    """How a thought begins and what stands between it and the answer."""

    start: str
    end: str
    models: str


MARKERS = (
    Marker("<think>", "</think>", "DeepSeek-R1 and its distills, QwQ, Qwen3, SmolLM3"),
    Marker("<thinking>", "</thinking>", "models prompted so, and Claude's in text"),
    Marker("<|channel>thought", "<channel|>", "Gemma 4"),
    Marker("<seed:think>", "</seed:think>", "Seed-OSS"),
    Marker("[THINK]", "[/THINK]", "Magistral"),
    Marker("<thought>", "</thought>", "EXAONE Deep"),
    Marker("◁think▷", "◁/think▷", "Kimi"),
    Marker("<|channel|>analysis<|message|>", "<|channel|>final<|message|>", "gpt-oss"),
)
TOKENS = (
    *(part for marker in MARKERS[:-1] for part in (marker.start, marker.end)),
    "<|channel>",
    *("<|channel|>", "<|message|>", "<|start|>", "<|end|>"),
)
"""What markers are made of: tokens that an engine must not leave out of its text."""
_TURN = re.compile(r"(<\|end\|>)?\s*(<\|start\|>assistant)?\s*$")  # gpt-oss, between channels


class Parts(NamedTuple):
    """A thought (null: none) and an answer. ``unfinished``: the output ends inside the thought, and
    the answer is empty."""

    thought: str | None
    answer: str
    unfinished: bool = False
    end: str = ""


def separate(text: str, opened: Marker | None = None) -> Parts:
    """The thought and the answer in an output.

    ``opened``: the marker with which the prompt ended, so that the output begins inside a thought.
    An end without a beginning is taken so too. What stands before the last end is no answer, and
    nothing is where a thought was begun and not ended.
    """
    marker = opened or next((m for m in MARKERS if m.end in text or _begins(text, m)), None)
    if marker is None:
        return Parts(None, text)
    thought, end, answer = text.rpartition(marker.end)
    if not end:
        return Parts(_bare(text, marker), "", unfinished=True, end=marker.end)
    return Parts(_bare(thought, marker), answer.strip(), end=marker.end)


def opened_by(prompt: str) -> Marker | None:
    """The marker that a prompt ends with, if its template begins the thought for the model."""
    tail = prompt.rstrip()
    return next((marker for marker in MARKERS if tail.endswith(marker.start)), None)


def separated(
    output: ModelOutput, opened: Marker | None = None, stops: bool = False
) -> ModelOutput:
    """The output with its thoughts as reasoning content, so that its ``completion`` is the answer
    alone. Its metadata then tell under ``THINKING_KEY`` whether the thought was cut: by a limit or,
    where the request had stop strings (``stops``), by one of them."""
    cut = (*_CUT, "stop") if stops else _CUT
    for choice in output.choices:
        unfinished = _separate_message(choice.message, opened)
        if unfinished is not None:
            truncated = unfinished and choice.stop_reason in cut
            output.metadata = {**(output.metadata or {}), THINKING_KEY: truncated}
    # 'completion' is kept as it was when the output was made.
    output.completion = output.choices[0].message.text if output.choices else ""
    return output


def separating(model: Model) -> Model:
    """The model, whose provider's outputs are separated before Inspect sees them."""
    from inspect_ai.model import GenerateConfig

    generate = model.api.generate

    async def separate_after(*args: object, **more: object) -> object:
        made = await generate(*args, **more)  # type: ignore[arg-type]
        stops = any(isinstance(a, GenerateConfig) and a.stop_seqs for a in (*args, *more.values()))
        if not isinstance(made, tuple):
            return separated(made, stops=stops)
        output, call = made
        return (output if isinstance(output, Exception) else separated(output, stops=stops)), call

    model.api.generate = separate_after  # type: ignore[method-assign, assignment]
    return model


def _separate_message(message: ChatMessageAssistant, opened: Marker | None) -> bool | None:
    """Whether the thought is unfinished; null: there is none."""
    from inspect_ai.model import ContentReasoning, ContentText

    content = message.content
    if not isinstance(content, str) and any(c.type == "reasoning" for c in content):
        return not message.text.strip() and not message.tool_calls
    parts = separate(message.text, opened)
    if parts.thought is None:
        return None
    others = [] if isinstance(content, str) else [c for c in content if c.type != "text"]
    reasoning = ContentReasoning(reasoning=parts.thought)
    message.content = [reasoning, *others, ContentText(text=parts.answer)]
    return parts.unfinished


def _begins(text: str, marker: Marker) -> bool:
    """Whether a thought begins at the start of a line: to speak of a tag is not to think."""
    at = text.find(marker.start)
    return at >= 0 and not text[:at].rpartition("\n")[2].strip()


def _bare(thought: str, marker: Marker) -> str:
    return _TURN.sub("", thought.replace(marker.start, "").strip()).strip()
