"""What a transcript needs of a sample as Inspect writes it, without Inspect, whose import takes
longer than most reports.

The fields are those of Inspect's own records (``inspect_ai.log.EvalSample`` and what it holds), all
named, and those that texts rest on checked as strictly as Inspect writes them. What has any other,
as logs of other versions do, is read by Inspect itself: no text is missing or another for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Tag, model_validator
from pydantic_core import from_json

from distilbench.inspect_private import deserializing

if TYPE_CHECKING:
    from inspect_ai.log import EvalSample


class _Record(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, protected_namespaces=(), defer_build=True
    )


class _Text(_Record):
    type: Literal["text"]
    text: str
    internal: Any = None
    refusal: Any = None
    citations: Any = None
    cache_breakpoint: Any = None


class _Reasoning(_Record):
    type: Literal["reasoning"]
    reasoning: str
    summary: str | None = None
    internal: Any = None
    signature: Any = None
    redacted: Any = None


class _NoText(BaseModel):
    """Only its kind is shown."""

    type: Literal["image", "audio", "video", "data", "tool_use", "document"]


def _kind(part: Any) -> str | None:
    kind = part.get("type") if isinstance(part, dict) else getattr(part, "type", None)
    return kind if kind in ("text", "reasoning") else "no text"


_Part = Annotated[
    Annotated[_Text, Tag("text")]
    | Annotated[_Reasoning, Tag("reasoning")]
    | Annotated[_NoText, Tag("no text")],
    Discriminator(_kind),
]


class _Call(_Record):
    id: str
    function: str
    arguments: dict[str, Any]
    parse_error: Any = None
    view: Any = None
    type: Any = None


class _Said(_Record):
    content: str | list[_Part]
    source: Literal["input", "generate", "operator"] | None = None
    id: Any = None
    metadata: Any = None


class _System(_Said):
    role: Literal["system"]


class UserText(_Said):
    role: Literal["user"] = "user"
    tool_call_id: Any = None


class _Assistant(_Said):
    role: Literal["assistant"]
    tool_calls: list[_Call] | None = None
    model: str | None = None


class _Tool(_Said):
    role: Literal["tool"]
    tool_call_id: Any = None
    function: Any = None
    error: Any = None


_Message = Annotated[_System | UserText | _Assistant | _Tool, Discriminator("role")]


class _Choice(_Record):
    message: _Assistant
    stop_reason: Any = None
    stop_details: Any = None
    logprobs: Any = None
    prompt_logprobs: Any = None


class _Output(_Record):
    completion: str = ""
    choices: list[_Choice] = []
    model: Any = None
    usage: Any = None
    input_context_tokens: Any = None
    fallback: Any = None
    time: Any = None
    metadata: Any = None
    error: Any = None
    response_id: Any = None

    @model_validator(mode="after")
    def _of_the_first_choice(self) -> _Output:
        """The completion, where it was not written: Inspect takes the texts of that message."""
        if not self.completion and self.choices:
            content = self.choices[0].message.content
            parts = [] if isinstance(content, str) else content
            texts = [part.text for part in parts if isinstance(part, _Text)]
            self.completion = content if isinstance(content, str) else "\n".join(texts)
        return self


class _Score(_Record):
    value: Any
    explanation: str | None = None
    answer: Any = None
    reason: Any = None
    metadata: Any = None
    history: Any = None


class SampleTexts(_Record):
    """A sample of a log, as far as it is shown; the names are Inspect's."""

    id: int | str
    epoch: int
    input: str | list[_Message]
    messages: list[_Message] = []
    output: _Output = _Output()
    scores: dict[str, _Score] | None = None
    attachments: dict[str, str] = {}
    target: Any
    choices: Any = None
    description: Any = None
    sandbox: Any = None
    files: Any = None
    setup: Any = None
    metadata: Any = None
    store: Any = None
    events: Any = None
    timelines: Any = None
    model_usage: Any = None
    role_usage: Any = None
    model_fallbacks: Any = None
    started_at: Any = None
    completed_at: Any = None
    total_time: Any = None
    working_time: Any = None
    uuid: Any = None
    invalidation: Any = None
    error: Any = None
    error_retries: Any = None
    events_data: Any = None
    limit: Any = None
    turn_count: Any = None
    token_limit: Any = None
    token_limit_type: Any = None
    token_limit_usage: Any = None
    message_limit: Any = None
    time_limit: Any = None


def inspect_sample(content: bytes) -> EvalSample:
    """A sample as Inspect reads it. Raises ``ValueError`` (or what a migration of Inspect's does)
    if it is none."""
    from inspect_ai.log import EvalSample

    return EvalSample.model_validate_json(content, context=deserializing())


def sample_texts(content: bytes) -> SampleTexts | EvalSample:
    """A sample to make a transcript of. Raises as :func:`inspect_sample`."""
    try:
        return SampleTexts.model_validate(from_json(content))
    except ValueError:
        return inspect_sample(content)
