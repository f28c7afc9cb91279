"""The parts of a recipe: teacher, data, generation, distillation, training, plan."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from distilbench.distill.recipe._vllm import Vllm
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
    chat: HomePath | None = Field(None, description=".jsonl with a column of chat messages")
    column: str | None = Field(
        None, description="column of the JSON Lines file; default: text, or messages of a chat"
    )
    curriculum: str | None = Field(
        None,
        description="order of training: 'length' (short first), or a .jsonl's column of numbers"
        " (low first); default: at random",
    )
    answers: Literal["gold", "teacher"] | None = Field(
        None, description="default: teacher for sequence-level, else gold (the task's own)"
    )

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if sum(kind is not None for kind in (self.task, self.text, self.chat)) != 1:
            raise ValueError("it has either 'task' or 'text' or 'chat'")
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


class Validation(Part):
    """What the student is judged on while it trains, every ``training.eval_steps``: a split of its
    own, neither trained on nor held out."""

    questions: int = Field(50, ge=1, description="questions of the task")
    seed: int = Field(2, description="seed of the validation questions")
    share: float = Field(0.1, gt=0, lt=1, description="of plain text or chats: before the held out")


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


class FurtherDivergence(Part):
    """A divergence beside the first."""

    loss: Literal["forward-kl", "reverse-kl", "jsd"]
    weight: float = Field(1.0, gt=0, description="what it is multiplied by")
    beta: float = Field(0.5, ge=0, le=1, description="of jsd")
    temperature: float = Field(1.0, gt=0)

    @property
    def beta_of_divergence(self) -> float:
        return _BETA.get(self.loss, self.beta)

    @model_validator(mode="after")
    def _beta_is_of_jsd(self) -> Self:
        if self.beta != self.beta_of_divergence and self.beta != 0.5:
            raise ValueError(f"'beta' changes nothing of 'loss: {self.loss}'; drop it")
        return self


class HiddenLoss(Part):
    """A distance between hidden states of the student and of the teacher."""

    loss: Literal["hidden-mse", "hidden-cosine"]
    weight: float = Field(1.0, gt=0, description="what it is multiplied by")
    layers: dict[int, int] | None = Field(
        None,
        description="layer of the student: layer of the teacher, from 0; default: every one of the"
        " student's, evenly spaced over the teacher's, last on last",
    )
    projection: bool | None = Field(
        None,
        description="compare a trained linear map of the student's state, thrown away at the end;"
        " default: where the widths differ",
    )

    @model_validator(mode="after")
    def _maps_something(self) -> Self:
        if self.layers is not None and not self.layers:
            raise ValueError("'layers' maps no layer; drop it for all of them")
        if any(number < 0 for pair in (self.layers or {}).items() for number in pair):
            raise ValueError("'layers' are numbered from 0")
        return self


FurtherLoss = Annotated[FurtherDivergence | HiddenLoss, Field(discriminator="loss")]
_BETA = {"forward-kl": 0.0, "reverse-kl": 1.0}


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
    alpha: float = Field(
        1.0, gt=0, le=1, description="share of the divergence; the rest is cross-entropy"
    )
    losses: tuple[FurtherLoss, ...] = Field((), description="further losses, added by weight")
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

    def loss_scale(self, temperature: float) -> float:
        """What a divergence at ``temperature`` is multiplied by. Its gradients shrink as 1 / T^2
        (Hinton et al. 2015, arXiv 1503.02531, section 2.1)."""
        return temperature**2 if self.temperature_squared else 1.0

    @property
    def beta_of_divergence(self) -> float:
        return _BETA.get(self.divergence, self.beta)

    @property
    def divergences(self) -> tuple[FurtherDivergence, ...]:
        """Those of ``losses`` that compare distributions."""
        return tuple(loss for loss in self.losses if isinstance(loss, FurtherDivergence))

    @property
    def betas(self) -> tuple[float, ...]:
        """Of the first divergence and of those beside it."""
        further = (loss.beta_of_divergence for loss in self.divergences)
        return self.beta_of_divergence, *further

    @property
    def hidden(self) -> tuple[HiddenLoss, ...]:
        """Those of ``losses`` that compare hidden states."""
        return tuple(loss for loss in self.losses if isinstance(loss, HiddenLoss))


Schedule = Literal[
    "constant",
    "constant_with_warmup",
    "linear",
    "cosine",
    "cosine_with_restarts",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "polynomial",
    "inverse_sqrt",
    "warmup_stable_decay",
]


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
    lr_scheduler_type: Schedule = Field("cosine", description="transformers' name of it")
    lr_scheduler_kwargs: dict[str, float | int | str] = Field(
        default_factory=dict, description="what that schedule takes: num_cycles, min_lr_rate, ..."
    )
    warmup_share: float = Field(0.05, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_length: int = Field(512, ge=2, description="tokens; longer examples are cut")
    packing: bool = Field(
        False, description="several examples in one row of max_length, which do not see each other"
    )
    precision: Literal["float32", "bfloat16"] = "float32"
    attention: Literal["eager", "sdpa", "flash_attention_2"] = "sdpa"
    gradient_checkpointing: bool = False
    fused_head: bool = Field(
        False, description="project to logits in pieces: less memory, one projection more"
    )
    checkpoint_every: int = Field(200, ge=1, description="steps between checkpoints")
    eval_steps: int | None = Field(
        None, ge=1, description="steps between evaluations on the validation split; default: none"
    )
    load_best_model_at_end: bool = Field(
        False, description="keep the student of the lowest validation loss, not the last"
    )
    early_stopping_patience: int | None = Field(
        None,
        ge=1,
        description="stop after so many evaluations without a better one; keeps the best",
    )
    early_stopping_threshold: float = Field(0.0, ge=0, description="nats that count as better")
    lora: Lora | None = None
    report_to: tuple[Literal["trackio", "wandb", "tensorboard"], ...] = Field(
        (), description="where the trainer reports its losses; default: nowhere"
    )

    @property
    def keeps_best(self) -> bool:
        return self.load_best_model_at_end or self.early_stopping_patience is not None

    @property
    def save_steps(self) -> int:
        """Steps between checkpoints: one at each evaluation where the best is kept."""
        kept = self.eval_steps if self.keeps_best else None
        return kept or self.checkpoint_every


class Machine(Part):
    """The machine that is paid for."""

    name: str = Field(min_length=1)
    usd_per_hour: float = Field(ge=0)


class Push(Part):
    """Where the finished student is sent, on the Hugging Face hub. The token is that of ``hf auth
    login`` or ``HF_TOKEN``; it is read by huggingface_hub and kept nowhere."""

    hub_model_id: str = Field(
        pattern=r"^[\w.\-]+/[\w.\-]+$", description="owner/name of the repository"
    )
    hub_private_repo: bool = Field(True, description="of a repository that is made for it")


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
