"""The parts of a recipe: teacher, data, generation, distillation, training, plan."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from distilbench.source import Source
from distilbench.tasks import InspectTask, TaskSpec
from distilbench.yaml_file import HomePath


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Teacher(Part):
    """The model that is imitated."""

    source: Source | None = Field(
        None,
        description="folder, GGUF path, hf:, pypi:, or inspect:provider/model (text only)",
    )
    recipe: HomePath | None = Field(None, description="recipe that makes the teacher first")
    card: str | None = Field(None, description="id of the teacher's card in the catalog")
    parameters: float | None = Field(
        None,
        gt=0,
        description="of a served teacher: weights that a token passes through, for its FLOPs;"
        " default: the card's, else not known",
    )
    engine: Literal["transformers", "llama.cpp"] | None = Field(
        None, description="what generates text; default: llama.cpp for a GGUF, else transformers"
    )
    uses: int | None = Field(
        None, ge=1, description="students that share the teacher's training; default: not shared"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.source is None) == (self.recipe is None):
            raise ValueError("it has either 'source' or 'recipe'")
        return self


class Data(Part):
    """What the student is trained on: questions of a task, or plain text."""

    task: TaskSpec | None = None
    questions: int = Field(100, ge=1, description="training questions of the task")
    seed: int = Field(1, description="seed of the training questions")
    text: HomePath | None = Field(None, description=".txt, or .jsonl with a column of text")
    column: str = Field("text", description="column of the JSON Lines file")
    answers: Literal["gold", "teacher"] | None = Field(
        None, description="default: teacher for sequence-level, else gold (the task's own)"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.task is None) == (self.text is None):
            raise ValueError("it has either 'task' or 'text'")
        if isinstance(self.task, InspectTask):
            raise ValueError("a benchmark is not trained on; use 'reasoning_gym' or 'file'")
        if self.task is not None and self.task.asks_likelihoods:
            raise ValueError(
                "'likelihood' is how a model is measured, not trained; drop it, and train on the"
                " choices' letters"
            )
        return self


class HeldOut(Part):
    """What the student is judged on; never trained on."""

    questions: int = Field(50, ge=1, description="questions of the task")
    seed: int = Field(0, description="seed of the held-out questions")
    share: float = Field(0.1, gt=0, lt=1, description="of plain text: the last part of it")
    accuracy: bool = Field(True, description="let the student answer, not only its loss")


class Generation(Part):
    """How the teacher samples its answers."""

    samples: int = Field(1, ge=1, description="answers to each question")
    temperature: float = Field(0.0, ge=0)
    top_p: float | None = Field(None, gt=0, le=1)
    max_tokens: int | None = Field(None, ge=1, description="default: the task's")
    reject: bool = Field(True, description="keep right answers only")
    cut: Literal["keep", "drop"] = Field(
        "keep",
        description="answers that max_tokens cut: graded and learned from as the others, or not",
    )
    batch: int = Field(16, ge=1, description="answers in flight")


class Lora(Part):
    """Low-rank adapters instead of full training; merged into the weights at the end."""

    rank: int = Field(16, ge=1)
    alpha: float = Field(32.0, gt=0)
    dropout: float = Field(0.0, ge=0, lt=1)
    targets: tuple[str, ...] | Literal["all-linear"] = "all-linear"


class Vllm(Part):
    """vLLM writes the student's own text. Names and meanings are those of TRL's ``vllm_...``."""

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


class Distillation(Part):
    """What the objectives that compare distributions are told."""

    divergence: str = Field(
        "forward-kl",
        description="forward-kl, reverse-kl, jsd, gold (between different tokenizers: TRL's GOLD)",
    )
    beta: float = Field(0.5, ge=0, le=1, description="of jsd, gold; 0: forward KL, 1: reverse KL")
    temperature: float = Field(
        1.0, gt=0, description="of the loss (logit), of sampling (on-policy)"
    )
    top_k: int | None = Field(
        None, ge=1, description="cache the teacher's k best logits first; default: online, all"
    )
    tail: Literal["renormalise", "bucket"] = Field(
        "bucket",
        description="probability beyond top_k: dropped and the rest renormalised, or one bucket",
    )
    keep: Literal["packed", "float32"] = Field(
        "packed", description="how cached logits are kept: in few bytes, or exactly"
    )
    temperature_squared: bool = Field(
        False, description="multiply the loss by temperature squared (Hinton et al. 2015)"
    )
    on_policy_share: float = Field(1.0, ge=0, le=1, description="steps on the student's own text")
    vllm: Vllm | None = Field(
        None, description="on-policy: vLLM writes the student's own text (TRL's use_vllm)"
    )

    @property
    def loss_scale(self) -> float:
        """What the divergence is multiplied by. Its gradients shrink as 1 / T^2 (Hinton et al.
        2015, arXiv 1503.02531, section 2.1)."""
        return self.temperature**2 if self.temperature_squared else 1.0

    @property
    def beta_of_divergence(self) -> float:
        return {"forward-kl": 0.0, "reverse-kl": 1.0}.get(self.divergence, self.beta)


class Training(Part):
    """How the student is trained. Names and meanings are those of transformers' Trainer."""

    epochs: float = Field(1.0, gt=0)
    max_steps: int | None = Field(None, ge=1, description="optimizer steps; goes before epochs")
    max_flops: float | None = Field(
        None, gt=0, description="budget of the stage's own FLOPs by formula; goes before both"
    )
    batch_size: int = Field(8, ge=1)
    gradient_accumulation: int = Field(1, ge=1)
    learning_rate: float = Field(2e-4, gt=0)
    schedule: Literal["constant", "linear", "cosine"] = "cosine"
    warmup_share: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_length: int = Field(512, ge=2, description="tokens; longer examples are cut")
    precision: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["eager", "sdpa", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    fused_head: bool = Field(
        False, description="project to logits in pieces: less memory, one projection more"
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    lora: Lora | None = None


class Machine(Part):
    """The machine that is paid for."""

    name: str = Field(min_length=1)
    usd_per_hour: float = Field(ge=0)


class Plan(Part):
    """What --dry-run assumes of work that no one has done yet."""

    accelerator: str = Field("h100-sxm", description="key of accelerators.yaml")
    gpus: int = Field(1, ge=1)
    tokens_per_sample: float | None = Field(
        None, gt=0, description="prompt and answer; default: training.max_length, the most"
    )
    acceptance_rate: float | None = Field(
        None, gt=0, le=1, description="share of answers that are kept; default: all, the most"
    )
    student_card: str | None = Field(
        None, description="card with the student's size; default: by the recipe's own fields"
    )
