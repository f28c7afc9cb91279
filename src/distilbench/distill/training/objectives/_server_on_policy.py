"""On-policy distillation from a served teacher, by the loss of TRL's ServerDistillationTrainer: the
student writes, the server tells its best log-probabilities of what was written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, ClassVar

from distilbench.distill.accounts import StageRecord
from distilbench.distill.data import Example
from distilbench.distill.recipe import Data, Distillation, Need, StudentSpec, Training
from distilbench.distill.teacher import Scorer
from distilbench.distill.training.objectives._on_policy import OnPolicy, token_prompts


class ServerOnPolicy(OnPolicy):
    """The divergence at temperature 1 over the teacher's ``top_k`` best tokens and all others
    together; for JSD and reverse KL TRL takes the written token and the teacher's best."""

    needs: ClassVar[Need] = "served"
    heeds: ClassVar[tuple[str, ...]] = (*OnPolicy.heeds, "top_k")

    @classmethod
    def takes(cls, distillation: Distillation) -> bool:
        of_kind = distillation.divergence in cls.divergences
        return of_kind and distillation.on_policy_share == 1 and distillation.top_k is not None

    def check(self, student: StudentSpec, data: Data, training: Training) -> None:
        asked = self.distillation
        if asked.beta_of_divergence > 0 and asked.top_k != 1:
            raise ValueError(
                f"on-policy {asked.divergence} from a server is over one token (TRL 1.16); write"
                " 'top_k: 1', or 'divergence: forward-kl'"
            )

    def client(self, scorer: Scorer, record: StageRecord) -> TeacherClient:
        return TeacherClient(scorer, record)

    @property
    def divergence_passes(self) -> int:
        """None: its loss takes the student's whole logits."""
        return 0

    def trainer(self, settings: dict[str, Any], max_new_tokens: int) -> tuple[Any, Any]:
        from trl.experimental.server_distillation import ServerDistillationConfig

        known = {field.name for field in fields(ServerDistillationConfig)}
        config = ServerDistillationConfig(
            **{name: value for name, value in settings.items() if name in known},
            **self.sampling(max_new_tokens),
            teacher_model_server_url="the teacher's own client asks it",
            loss_top_k=self.distillation.top_k,
        )
        return token_prompts(_trainer()), config


def _trainer() -> Any:
    from trl.experimental.server_distillation import ServerDistillationTrainer

    class Served(ServerDistillationTrainer):  # type: ignore[misc]
        """TRL's client of a server needs vLLM where it trains, and asks for a temperature that vLLM
        does not apply to given texts. Ours takes its place, and its init is passed over."""

        def __init__(self, *args: Any, teacher_client: TeacherClient, **kwargs: Any) -> None:
            super(ServerDistillationTrainer, self).__init__(*args, teacher_model=None, **kwargs)
            self.reverse_kl_top_1_mode = self.args.reverse_kl_top_1_mode
            self.loss_top_k, self.loss_add_tail = self.args.loss_top_k, self.args.loss_add_tail
            self.teacher_client = teacher_client

    return Served


class TeacherClient:
    """What TRL's trainer asks of a server, by a scorer. ``record`` takes the teacher's work."""

    def __init__(self, scorer: Scorer, record: StageRecord) -> None:
        self._scorer, self._record = scorer, record

    def get_sequence_logprobs(
        self, sequences: Sequence[Sequence[int]], prompt_lengths: Sequence[int], **_: Any
    ) -> dict[str, list[Any]]:
        """For each text and each token behind its prompt: the best log-probabilities, best first,
        their ids, and the log-probability of the token itself."""
        examples = [
            Example(tuple(ids[:length]), tuple(ids[length:]))
            for ids, length in zip(sequences, prompt_lengths, strict=True)
        ]
        made: dict[str, list[Any]] = {
            "logprobs": [], "logprob_token_ids": [], "actual_logprobs": []
        }  # fmt: skip
        for scored in self._scorer.score(examples, self._record):
            assert scored.own is not None
            order = (-scored.best.logprobs).argsort(-1, kind="stable")
            for name, values in (
                ("logprobs", scored.best.logprobs), ("logprob_token_ids", scored.best.tokens)
            ):  # fmt: skip
                rows = zip(values, order, strict=True)
                made[name].append([row[by].tolist() for row, by in rows])
            made["actual_logprobs"].append(scored.own[:, None].tolist())
        return made
