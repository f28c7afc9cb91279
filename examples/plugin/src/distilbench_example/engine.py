"""An engine: ``constant:42`` is a model that answers 42, whatever it is asked. The floor that a
model of a multiple-choice task should be above."""

from __future__ import annotations

from typing import Any

from inspect_ai.model import Model, ModelOutput, ModelUsage, get_model

from distilbench.engines import Assignment, Engine


class Constant(Engine):
    def __init__(self, asked: Assignment) -> None:
        self._asked = asked

    @property
    def model(self) -> Model:
        return self._model

    def load(self) -> None:
        said = self._asked.source.rest
        self._model = get_model("mockllm/constant", memoize=False)
        self._model.api.outputs = lambda *_: ModelOutput.from_content("constant", said).model_copy(
            update={"usage": ModelUsage(input_tokens=0, output_tokens=1)}
        )

    def close(self) -> None:
        pass

    def facts(self) -> dict[str, Any]:
        return {"engine": "constant", "engine_version": "1.0.0", "runs_on": None}
