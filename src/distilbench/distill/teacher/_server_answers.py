"""What servers are asked for the log-probabilities of a given text, and what they answer.

All three are asked by token ids and answer by token ids, so that no text of a token (which may be
part of a character, or the same for two tokens) has to be understood.

    vLLM          POST /v1/completions   prompt_logprobs     {"785": {"logprob", "rank", ...}, ...}
    SGLang        POST /generate         top_logprobs_num    [[logprob, id, text], ...]
    llama-server  POST /completion       n_probs, grammar    [{"id", "token", "logprob"}, ...]

None of them applies a temperature to the log-probabilities of a text that is given (vLLM's pull
request 37082 and SGLang's 36213 propose it); llama-server's are taken before its samplers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol


class Entry(NamedTuple):
    """A token as a server tells it. ``text`` null: it does not say."""

    id: int
    logprob: float
    text: str | None


class Position(NamedTuple):
    """What a server tells of one place in a text: the best tokens there, best first, and the
    log-probability of the token that stands there."""

    best: list[Entry]
    own: float


@dataclass(frozen=True)
class Text:
    """Token ids of a text; those before ``begin`` are read, and not asked for. ``ends``: tokens
    that end an answer."""

    ids: tuple[int, ...]
    begin: int
    ends: frozenset[int] = frozenset()

    @property
    def asked(self) -> tuple[int, ...]:
        return self.ids[self.begin :]

    def parts(self) -> list[Text]:
        """The same in pieces, each up to an end token or the text's end."""
        last = len(self.ids) - 1
        cuts = [at + 1 for at in range(self.begin, last) if self.ids[at] in self.ends]
        begins = [self.begin, *cuts]
        return [
            Text(self.ids[:end], begin, self.ends)
            for begin, end in zip(begins, [*cuts, len(self.ids)], strict=True)
        ]


class NotUnderstood(Exception):
    """An answer is not of the form that it should have; the message says how."""


class Dialect(Protocol):
    """How one kind of server is asked. ``path`` from its root; ``more``: how its user has it tell
    more tokens."""

    path: str
    more: str

    by_parts: bool
    """Whether a text is asked about in the pieces that :meth:`Text.parts` makes."""

    def request(self, model: str, text: Text, k: int) -> dict[str, Any]: ...

    def positions(self, answer: Any, text: Text) -> list[Position]:
        """What it tells of each token from ``text.begin`` on. Raises
        ``NotUnderstood``, ``KeyError``, ``TypeError``, ``IndexError`` or ``ValueError``."""
        ...


class Vllm:
    """vLLM, and what answers as it does."""

    by_parts = False
    path = "/v1/completions"
    more = "vllm serve --max-logprobs {k}"

    def request(self, model: str, text: Text, k: int) -> dict[str, Any]:
        return {
            "model": model, "prompt": list(text.ids), "max_tokens": 1, "temperature": 1.0,
            "prompt_logprobs": k,
        }  # fmt: skip

    def positions(self, answer: Any, text: Text) -> list[Position]:
        told = answer["choices"][0].get("prompt_logprobs")
        if told is None:
            raise NotUnderstood("has no 'prompt_logprobs': log-probabilities by token id")
        _must_be_long(told, len(text.ids))
        made = []
        for token, entries in zip(text.ids[text.begin :], told[text.begin :], strict=True):
            if str(token) not in entries:
                raise NotUnderstood(f"tells nothing of token {token}, which it was asked about")
            found = [
                Entry(int(id_), float(entry["logprob"]), entry.get("decoded_token"))
                for id_, entry in entries.items()
            ]
            own = float(entries[str(token)]["logprob"])
            made.append(Position(_best_first(found), own))
        return made


class Sglang:
    """SGLang's own API."""

    by_parts = False
    path = "/generate"
    more = "sglang tells as many as it is asked for: is there something between?"

    def request(self, model: str, text: Text, k: int) -> dict[str, Any]:
        return {
            "input_ids": list(text.ids), "return_logprob": True, "logprob_start_len": 0,
            "top_logprobs_num": k, "return_text_in_logprobs": True,
            "sampling_params": {"max_new_tokens": 1, "temperature": 1.0},
        }  # fmt: skip

    def positions(self, answer: Any, text: Text) -> list[Position]:
        meta = answer["meta_info"]
        own, told = meta["input_token_logprobs"], meta["input_top_logprobs"]
        _must_be_long(told, len(text.ids))
        if [int(entry[1]) for entry in own] != list(text.ids):
            raise NotUnderstood("is about other tokens than it was asked about")
        return [
            Position(
                _best_first([Entry(int(id_), float(lp), said) for lp, id_, said in entries]),
                float(its[0]),
            )
            for entries, its in zip(told[text.begin :], own[text.begin :], strict=True)
        ]


class LlamaServer:
    """llama.cpp's server, which tells log-probabilities of what it generates: it generates exactly
    these tokens, under a grammar that lets no other through. No grammar of llama.cpp takes an end
    token before its own end, and behind that only one: so a piece's last token may be another end
    token than the text's, in whose place the log-probabilities are the same."""

    by_parts = True
    path = "/completion"
    more = "llama-server tells as many as it is asked for: is there something between?"

    def request(self, model: str, text: Text, k: int) -> dict[str, Any]:
        exactly = self._exactly(text)
        tokens = " ".join(f"<[{token}]>" for token in exactly)
        return {
            "prompt": list(text.ids[: text.begin]), "n_predict": len(text.asked),
            "cache_prompt": True, "samplers": [], "temperature": 0.0, "n_probs": k,
            "post_sampling_probs": False, "grammar": f"root ::= {tokens or _NOTHING}",
        }  # fmt: skip

    def _exactly(self, text: Text) -> tuple[int, ...]:
        return text.asked[:-1] if text.asked[-1] in text.ends else text.asked

    def positions(self, answer: Any, text: Text) -> list[Position]:
        told = answer["completion_probabilities"]
        exactly = self._exactly(text)
        if tuple(entry["id"] for entry in told[: len(exactly)]) != exactly:
            raise NotUnderstood("is about other tokens than it was asked about")
        _must_be_long(told, len(text.asked))
        return [
            Position(
                _best_first(
                    [Entry(e["id"], float(e["logprob"]), e["token"]) for e in one["top_logprobs"]]
                ),
                self._own(one, token),
            )
            for one, token in zip(told, text.asked, strict=True)
        ]

    def _own(self, told: Any, token: int) -> float:
        """The log-probability of the text's token; not a number: another end token was written,
        and it is none of the best."""
        every = [told, *told["top_logprobs"]]
        return next((float(e["logprob"]) for e in every if e["id"] == token), float("nan"))


_NOTHING = '""'
"""llama.cpp's grammar of an answer that ends at once."""


def dialect_of(said: dict[str, Any]) -> Dialect:
    """By the addresses at which a server tells of itself (see :mod:`._served`)."""
    if "get_model_info" in said:
        return Sglang()
    return LlamaServer() if "props" in said else Vllm()


def _best_first(entries: Sequence[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: -entry.logprob)


def _must_be_long(told: Any, length: int) -> None:
    if len(told) != length:
        raise NotUnderstood(f"is about {len(told)} tokens, and {length} were asked about")
