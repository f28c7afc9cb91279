"""What llama.cpp is asked and what it answers, as data."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from distilbench.engines._process import EngineError
from distilbench.engines._thinking import TOKENS
from distilbench.meter import Timing

Message = dict[str, str]
Ended = Literal["stop", "length", "context"]
BASE_MODEL_STOP = "\nQuestion:"
"""Where a base model has ended its answer and goes on to make up the next question."""
END_OF_THINKING = "</think>"
_LABELS = {"system": "", "user": "Question: ", "assistant": "Answer: "}
_ENDS = ("<|end|>", "<|start|>")
"""Of the tokens that are left in the text, those by which some models end it."""
_FIELDS = ["content", "timings", "stop_type", "truncated", "tokens"]


@dataclass(frozen=True)
class Sampling:
    """How to choose tokens. Temperature 0 is greedy; the other defaults leave the model's own
    distribution as it is (llama.cpp's would cut it by top-k 40, top-p 0.95 and min-p 0.05)."""

    n_predict: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    frequency_penalty: float = 0.0
    presence_penalty: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()

    def request(self, prompt: str, slot: int, stream: bool) -> dict[str, Any]:
        """llama.cpp's request for a completion."""
        # Greedy decoding needs no walk over the vocabulary by each of llama.cpp's other samplers.
        greedy = {"samplers": ["penalties", "temperature"]} if self.temperature == 0 else {}
        return {
            "prompt": prompt,
            "id_slot": slot,
            "stream": stream,
            "cache_prompt": True,
            "response_fields": _FIELDS,
            "return_tokens": True,
            "preserved_tokens": list(TOKENS),
            **asdict(self),
            **greedy,
        }


@dataclass(frozen=True)
class ThinkingBudget:
    """Budget forcing (Muennighoff et al. 2025, arXiv 2501.19393): after ``tokens`` of thinking the
    thinking is ended and the answer asked for by ``lead`` and ``opener``.

    ``opener`` is the beginning of the answer as the task's grader looks for it, ``lead`` the words
    before it.
    """

    tokens: int
    lead: str = "The final answer is"
    opener: str = ""


@dataclass(frozen=True)
class Completion:
    """Generated text, why it ended (``stop``, ``length``, ``context``) and how long it took.
    ``forced``: a thinking budget ended the thinking; null where there is no budget."""

    text: str
    ended: Ended
    timing: Timing
    forced: bool | None = field(default=None)
    tokens: tuple[int, ...] = ()
    """What was generated, as the model's tokenizer numbers it."""


FEW_SHOT_TEMPLATE = """\
{%- for message in messages -%}
{%- set text = message.content | trim -%}
{%- if message.role == 'user' -%}
{%- if text.startswith('Question:') %}{% set text = text[9:] | trim %}{% endif -%}
{%- if text.endswith('Answer:') %}{% set text = text[:-7] | trim %}{% endif -%}
{{- 'Question: ' + text + '\\n' -}}
{%- elif message.role == 'assistant' -%}
{{- 'Answer: ' + text + '\\n\\n' -}}
{%- else -%}
{{- text + '\\n\\n' -}}
{%- endif -%}
{%- endfor -%}
{{- 'Answer:' -}}
"""
"""``few_shot_prompt`` as a chat template, for a base model behind the OpenAI-compatible server."""


def few_shot_prompt(messages: list[Message]) -> str:
    """A conversation as text for a base model, ending where the answer is to begin. Labels that a
    turn bears already are not written twice."""
    parts = []
    for message in messages:
        label, text = _LABELS[message["role"]], message["content"].strip()
        if message["role"] == "user":
            text = text.removeprefix(label.strip()).removesuffix("Answer:").strip()
        parts.append(f"{label}{text}")
        parts.append("\n" if message["role"] == "user" else "\n\n")
    return "".join(parts) + "Answer:"


def read_reply(body: bytes, streamed: bool, total_s: float) -> Completion:
    """Text and timing of a reply, whole or in parts; the last part has the engine's clock."""
    parts = _events(body) if streamed else [body]
    decoded = [json.loads(part) for part in parts]
    if not decoded or "timings" not in decoded[-1]:
        raise EngineError(f"llama.cpp ended its reply early: {str(decoded[-1:])[:300]}")
    last = decoded[-1]
    clock = last["timings"]
    decode_s = clock["predicted_ms"] / 1e3 if clock["predicted_n"] > 1 else 0.0
    timing = Timing(
        input_tokens=clock["prompt_n"] + clock["cache_n"],
        cached_tokens=clock["cache_n"],
        output_tokens=clock["predicted_n"],
        prefill_s=clock["prompt_ms"] / 1e3,
        ttft_s=total_s - decode_s,
        decode_s=decode_s,
        total_s=total_s,
    )
    text = "".join(part.get("content", "") for part in decoded)
    if last.get("stop_type") == "eos":  # that token is text where markers of thoughts are kept
        text = next((text.removesuffix(end) for end in _ENDS if text.endswith(end)), text)
    tokens = tuple(token for part in decoded for token in part.get("tokens", ()))
    return Completion(text, _ended(last), timing, tokens=tokens)


def read_refusal(body: bytes, total_s: float) -> Completion:
    """A prompt that does not fit the context as an empty completion; raises for other reasons."""
    error = json.loads(body).get("error", {})
    if error.get("type") != "exceed_context_size_error":
        raise EngineError(f"llama.cpp refused the request: {error.get('message', body[:300])}")
    timing = Timing(input_tokens=error["n_prompt_tokens"], output_tokens=0, total_s=total_s)
    return Completion("", "context", timing)


def joined(thought: Completion, answer: Completion, between: str) -> Completion:
    """A thought and the answer that was asked for after it, as one completion.

    Tokens of the words that asked were read, not generated, so they count as input.
    """
    first, second = thought.timing, answer.timing
    written = (first.output_tokens or 0) + (second.output_tokens or 0)
    read = max((second.input_tokens or 0) - (first.output_tokens or 0), first.input_tokens or 0)
    timing = Timing(
        input_tokens=read,
        cached_tokens=first.cached_tokens,
        output_tokens=written,
        reasoning_tokens=first.output_tokens if between else first.reasoning_tokens,
        prefill_s=(first.prefill_s or 0) + (second.prefill_s or 0),
        ttft_s=first.ttft_s,
        decode_s=(first.decode_s or 0) + (second.decode_s or 0),
        total_s=first.total_s + second.total_s,
    )
    return Completion(thought.text + between + answer.text, answer.ended, timing, forced=True)


def _ended(last: dict[str, Any]) -> Ended:
    if last.get("stop_type") != "limit":
        return "stop"
    return "context" if last.get("truncated") else "length"


def _events(body: bytes) -> list[bytes]:
    """The JSON parts of a stream of server-sent events."""
    return [line[6:] for line in body.splitlines() if line.startswith(b"data: {")]
