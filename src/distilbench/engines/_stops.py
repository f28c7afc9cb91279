"""Stop sequences that a provider refuses, honoured all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distilbench.providers import Provider

if TYPE_CHECKING:
    from inspect_ai.model import Model, ModelOutput


def stopping(model: Model, provider: Provider) -> Model:
    """The model, asked without the blank stop sequences that ``provider`` refuses; its answers are
    cut where the first of them stands. Tokens behind it were generated, and stay counted."""
    if provider.blank_stops:
        return model
    generate = model.api.generate

    async def stop_after(**request: Any) -> Any:
        config = request["config"]
        asked = config.stop_seqs or []
        blank = [stop for stop in asked if not stop.strip()]
        if not blank:
            return await generate(**request)
        kept = [stop for stop in asked if stop.strip()] or None
        made = await generate(
            **{**request, "config": config.model_copy(update={"stop_seqs": kept})}
        )
        output = made[0] if isinstance(made, tuple) else made
        if not isinstance(output, Exception):
            _cut(output, blank)
        return made

    model.api.generate = stop_after  # type: ignore[method-assign, assignment]
    return model


def _cut(output: ModelOutput, stops: list[str]) -> None:
    for choice in output.choices:
        text = choice.message.text
        at = min((text.find(stop) for stop in stops if stop in text), default=None)
        if at is not None:
            choice.message.text = text[:at]
            choice.stop_reason = "stop"
    # 'completion' is kept as it was when the output was made.
    output.completion = output.choices[0].message.text if output.choices else ""
