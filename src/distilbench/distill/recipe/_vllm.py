"""vLLM in the place of transformers, where the student writes its own text."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Vllm(BaseModel):
    """vLLM writes the student's own text. Names and meanings are those of TRL's ``vllm_...``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mode: Literal["colocate", "server"] = Field(
        "colocate", description="in the training's own process, or on a server of TRL's"
    )
    server_base_url: str | None = Field(None, description="of mode server: its address")
    gpu_memory_utilization: float | None = Field(
        None, gt=0, le=1, description="of mode colocate: share of the GPU's memory; default: TRL's"
    )
    tensor_parallel_size: int | None = Field(None, ge=1, description="of mode colocate")
    max_model_length: int | None = Field(None, ge=1, description="of mode colocate")

    @model_validator(mode="after")
    def _of_its_mode(self) -> Self:
        if (self.mode == "server") != (self.server_base_url is not None):
            raise ValueError("'mode: server' has a 'server_base_url', and no other mode has one")
        colocated = ("gpu_memory_utilization", "tensor_parallel_size", "max_model_length")
        given = [name for name in colocated if getattr(self, name) is not None]
        if self.mode == "server" and given:
            raise ValueError(f"'{given[0]}' is of 'mode: colocate'; start the server with it")
        return self

    def settings(self) -> dict[str, object]:
        """As arguments of TRL's configurations."""
        given = self.model_dump(exclude_none=True)
        return {"use_vllm": True, **{f"vllm_{name}": value for name, value in given.items()}}
