"""A teacher behind a server that tells its best log-probabilities on texts that it is given."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import compress
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import numpy.typing as npt

from distilbench.distill.accounts import StageRecord, TeacherSize
from distilbench.distill.data import Example
from distilbench.distill.teacher._cache import key_of
from distilbench.distill.teacher._logits import Scored, learnt_behind
from distilbench.distill.teacher._packing import Best, Floats
from distilbench.distill.teacher._served import said_at, served_digest
from distilbench.distill.teacher._server_answers import (
    Dialect,
    Entry,
    NotUnderstood,
    Position,
    Text,
    dialect_of,
)
from distilbench.distill.weights import token_rows
from distilbench.errors import InputError
from distilbench.keys import bearer, redact
from distilbench.providers import address_of, model_name, root_of, runs_on
from distilbench.source import Source

if TYPE_CHECKING:
    import httpx
    from transformers import PreTrainedTokenizerBase

_WAIT_S = 600.0
_TRIES = 3
_MOST_ABOVE_ONE = 1e-3
"""By which the probabilities of k tokens may sum to more than 1: servers round to bfloat16."""
_LEAST_REST = 1e-8
"""Of float32 numbers that sum to 1 the rest is not known below."""


class ServerScorer:
    """Asks the server of a source for the ``k`` best tokens of each position, by token ids.

    What it names must be the student's vocabulary: each token's text is compared with that of the
    student's tokenizer. Raises ``InputError`` naming ``where`` if it is not, if the server tells
    fewer than ``k``, or no log-probabilities of given texts at all.
    """

    is_here = False

    def __init__(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        k: int,
        size: TeacherSize,
        at_once: int,
        where: str,
    ) -> None:
        reference = source.rest
        self._url, self._model = _address(reference, where), model_name(reference)
        self._where, self._k, self._size, self._at_once = where, k, size, at_once
        self._tokenizer, self._known = tokenizer, set[int]()
        self.rows = token_rows(tokenizer)
        self._dialect: Dialect = dialect_of(said_at(self._url, reference))
        self.digest = key_of(server=served_digest(source, reference), rows=self.rows)
        self._client = _client(reference)

    def score(self, examples: Sequence[Example], record: StageRecord) -> list[Scored]:
        ends = frozenset({int(self._tokenizer.eos_token_id)})
        texts = [Text(example.ids, max(1, len(example.prompt)), ends) for example in examples]
        with ThreadPoolExecutor(self._at_once) as pool:
            told = list(pool.map(self._told, texts))
        made = []
        for example, text, every in zip(examples, texts, told, strict=True):
            positions = list(compress(every, learnt_behind(example)))
            flops = self._size.scoring(len(text.ids))
            record.tokens += len(text.ids)
            record.padded_tokens += len(text.ids)
            record.samples += 1
            if flops is not None:
                record.work(flops, 2.0 * self._size.active_parameters * len(text.ids))
            own = np.array([position.own for position in positions], np.float32)
            made.append(Scored(self._best(positions), None, flops, own))
        return made

    def formula(self, example: Example) -> float | None:
        return self._size.scoring(len(example.ids))

    def close(self) -> None:
        self._client.close()

    def _told(self, text: Text) -> list[Position]:
        parts = text.parts() if self._dialect.by_parts else [text]
        return [told for part in parts for told in self._positions(self._ask(part), part)]

    def _ask(self, text: Text) -> Any:
        """The server's answer on one text."""
        import httpx

        body = self._dialect.request(self._model, text, self._k)
        url = self._url + self._dialect.path
        for _ in range(_TRIES):
            try:
                reply = self._client.post(url, json=body)
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
                continue
            if reply.status_code < 500:
                return self._read(reply)
            reason = f"HTTP {reply.status_code}: {_message(reply)}"
        self._refuse(
            f"gave no answer at {url} ({redact(reason)})",
            "start the server, and run again: what was answered is kept",
        )

    def _read(self, reply: httpx.Response) -> Any:
        if reply.status_code != 200:
            self._refuse(
                f"refuses to tell the {self._k} best tokens (HTTP {reply.status_code}:"
                f" {redact(_message(reply))})",
                f"have it tell more ({self._dialect.more.format(k=self._k)}), or lower"
                " 'distillation.top_k'",
            )
        try:
            return reply.json()
        except ValueError:
            self._refuse("answers with what is no JSON", "correct the address")

    def _positions(self, answer: Any, text: Text) -> list[Position]:
        try:
            return self._dialect.positions(answer, text)
        except NotUnderstood as problem:
            self._refuse(f"gave an answer that {problem}", _REMEDY)
        except (KeyError, TypeError, IndexError, ValueError) as error:
            self._refuse(f"gave an answer of another form ({error!r})", _REMEDY)

    def _best(self, positions: list[Position]) -> Best:
        found = [self._entries(position.best) for position in positions]
        tokens = np.array([[e.id for e in entries] for entries in found], np.int64)
        logprobs = np.array([[e.logprob for e in entries] for entries in found], np.float64)
        return Best(tokens, logprobs.astype(np.float32), self._rest(logprobs))

    def _entries(self, entries: list[Entry]) -> list[Entry]:
        """The k best of a position. The token of the text itself may stand behind them, where it is
        none of them; it is part of the rest, as all others are."""
        k = min(self._k, self.rows)
        finite = [entry for entry in entries if np.isfinite(entry.logprob)]
        best = finite[:k]
        if len(best) < k or len({entry.id for entry in best}) < k:
            self._refuse(
                f"told {len({entry.id for entry in best})} tokens of a position, of {k} asked for",
                f"have it tell more ({self._dialect.more.format(k=k)}), or lower"
                " 'distillation.top_k'",
            )
        for entry in best:
            if entry.id not in self._known:
                self._compare(entry)
        return best

    def _compare(self, entry: Entry) -> None:
        """Raises ``InputError`` if the token is another one in the student's vocabulary."""
        if entry.text is None:
            self._refuse("tells no text of its tokens, so that they cannot be compared", _REMEDY)
        if not 0 <= entry.id < self.rows:
            self._refuse(
                f"names token {entry.id}, and the student's tokenizer has {self.rows}", _SAME
            )
        own = str(self._tokenizer.decode([entry.id]))
        piece = str(self._tokenizer.convert_ids_to_tokens(entry.id))
        if not _same(entry.text, own, piece):
            self._refuse(
                f"calls token {entry.id} {entry.text!r}, and the student's tokenizer {own!r}", _SAME
            )
        self._known.add(entry.id)

    def _rest(self, logprobs: npt.NDArray[np.float64]) -> Floats:
        """The log of what all tokens that were not told have together: 1 less the told ones, and no
        more than as many of the last told one."""
        told = np.exp(logprobs).sum(-1)
        if (logprobs > _MOST_ABOVE_ONE).any() or (told > 1 + _MOST_ABOVE_ONE).any():
            self._refuse(
                f"tells no log-probabilities: those of a position sum to {told.max():.4g}",
                "have it tell them (vllm serve --logprobs-mode raw_logprobs)",
            )
        others = self.rows - logprobs.shape[-1]
        if others == 0:
            return np.full(told.shape, -np.inf, np.float32)
        most = np.log(others) + logprobs.min(-1)
        rest = np.minimum(np.log(np.maximum(1 - told, _LEAST_REST)), most)
        return np.asarray(rest, np.float32)

    def _refuse(self, problem: str, remedy: str) -> NoReturn:
        raise InputError(self._where, f"the server {problem}", remedy)


_REMEDY = "use vLLM, SGLang or llama-server, or give the teacher's files"
_SAME = "give the student the teacher's tokenizer, or use method sequence-level"


def _address(reference: str, where: str) -> str:
    """The root of the server."""
    address = address_of(reference)
    if address is None:
        place = runs_on(reference) or "its provider"
        raise InputError(
            where,
            f"is at no address that is known; {place} tells no log-probabilities of given texts",
            "start vLLM, SGLang or llama-server with the model and name its address"
            " (inspect:vllm/MODEL, with VLLM_BASE_URL), or use method sequence-level",
        )
    return root_of(address)


def _client(reference: str) -> httpx.Client:
    import httpx

    return httpx.Client(headers=bearer(reference), timeout=_WAIT_S, trust_env=False)


def _message(reply: httpx.Response) -> str:
    """What a refusal says: OpenAI's form, or whatever else came."""
    try:
        said = reply.json()
    except ValueError:
        return reply.text[:200]
    if isinstance(said, dict):
        error = said.get("error", said)
        said = error.get("message", error) if isinstance(error, dict) else error
    return str(said)[:300]


def _same(its: str, own: str, piece: str) -> bool:
    """Whether two texts of a token are one. Servers write the space before a word as it is or leave
    it out, and a part of a character, or white space, as text, as its bytes, or not at all."""
    ours = {own.strip(), piece.strip(), piece.replace("\u2581", " ").strip()}
    if its.strip() in ours:
        return True
    bare = "\ufffd" in own or not own.strip()
    return bare and ("\ufffd" in its or not its.strip() or its.startswith(("<0x", "bytes:")))
