"""The tokens of a chat, through the model's own template, and which of them are learnt: those that
the assistant says, each turn's end with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from distilbench.distill.data._chats import Chat
from distilbench.distill.data._corpus import Example
from distilbench.errors import InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Piece = tuple[str, bool]
"""A piece of a rendered chat, and whether the assistant says it."""


def chat_examples(
    tokenizer: PreTrainedTokenizerBase, chats: Sequence[Chat], max_length: int, where: str
) -> list[Example]:
    """Each chat as one example, whose every turn of the assistant is learnt; those with nothing to
    learn within ``max_length`` are left out.

    A template that renders a turn in another way once others follow (Qwen3's drops its thoughts)
    shows the model something else in each turn: its chats become one example a turn, as the model
    sees them when it answers. Raises ``InputError`` if there is no template, or it refuses a chat.
    """
    if not tokenizer.chat_template:
        raise InputError(
            f"{where}: field 'data.chat'",
            "the student's tokenizer has no chat template",
            "name one with a template in 'tokenizer' or 'student.model', or use 'data.task'",
        )
    ends = _ends(tokenizer)
    made = (
        _example(tokenizer, pieces, ends)
        for chat in chats
        for pieces in _pieces(tokenizer, chat, ends, where)
    )
    cut = (example.cut(max_length) for example in made)
    return [example for example in cut if example.labelled and example.completion]


def chat_notes(
    tokenizer: PreTrainedTokenizerBase, chats: Sequence[Chat], max_length: int, where: str
) -> Iterator[str]:
    """What the user should know of what the template makes of chats, and of their lengths."""
    if not chats or not tokenizer.chat_template:
        return
    ends = _ends(tokenizer)
    pieces = [_pieces(tokenizer, chat, ends, where) for chat in chats]
    lasts = ["".join(text for text, _ in of_chat[-1]) for of_chat in pieces]
    pairs = list(zip(chats, lasts, strict=True))
    if lost := sum(c[0][0] == "system" and c[0][1] not in text for c, text in pairs):
        yield f"the chat template leaves out the system prompt of {_of(lost, chats)}"
    if apart := sum(len(of_chat) > 1 for of_chat in pieces):
        yield (
            f"the chat template renders earlier turns of the assistant in another way (it drops"
            f" their thoughts, it may be) in {_of(apart, chats)}: there each turn is an example of"
            " its own, as the model sees it when it answers"
        )
    if short := sum(c[_answers(c)[-1]][1].strip() not in text for c, text in pairs):
        yield (
            "the chat template leaves out a part of what the assistant says last in"
            f" {_of(short, chats)}: it is not learnt"
        )
    lengths = [len(_example(tokenizer, one, ends).ids) for of_chat in pieces for one in of_chat]
    if cut := sum(length > max_length for length in lengths):
        yield (
            f"{cut:,} of {len(lengths):,} examples are cut at 'training.max_length' ({max_length:,}"
            f" tokens); the longest has {max(lengths):,}"
        )


def _of(count: int, chats: Sequence[Chat]) -> str:
    return f"{count:,} of {len(chats):,} chats"


def _pieces(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, ends: tuple[str, ...], where: str
) -> list[list[Piece]]:
    """The pieces of each example that a chat becomes: of one, or of one a turn."""
    whole = _whole(tokenizer, chat, ends, where)
    if whole is not None:
        return [whole]
    made = []
    for number in _answers(chat):
        before, turn = _turn(tokenizer, chat, number, where)
        if not turn:
            raise InputError(
                f"{where}: field 'data.chat'",
                f"the chat template shows another beginning once the assistant has answered"
                f" {chat[number][1][:40]!r}",
                "mend the template: it is to render a chat as its prompt and what follows it",
            )
        made.append([(before, False), (turn, True)])
    return made


def _whole(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, ends: tuple[str, ...], where: str
) -> list[Piece] | None:
    """The chat up to the assistant's last turn in pieces; null: the template shows an earlier turn
    otherwise than it was when it was said, or does not end it."""
    answers = _answers(chat)
    text = _render(tokenizer, chat[: answers[-1] + 1], where)
    pieces: list[Piece] = []
    at = 0
    for number in answers:
        before, turn = _turn(tokenizer, chat, number, where)
        if not turn or not text.startswith(before + turn) or len(before) < at:
            return None
        if number != answers[-1] and not turn.endswith(ends):
            return None
        pieces += [(text[at : len(before)], False), (turn, True)]
        at = len(before + turn)
    return pieces


def _turn(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, number: int, where: str
) -> tuple[str, str]:
    """What stands before the assistant's turn as it is asked for it, and the turn up to its end;
    an empty turn: the template does not go on from there."""
    before = _render(tokenizer, chat[:number], where, asks=True)
    after = _render(tokenizer, chat[: number + 1], where)
    if not after.startswith(before):
        return before, ""
    return before, after[len(before) :].rstrip()


def _example(
    tokenizer: PreTrainedTokenizerBase, pieces: Sequence[Piece], ends: tuple[str, ...]
) -> Example:
    """Each piece in tokens of its own, as a prompt and an answer are; the last ends once."""
    parts = [(_ids(tokenizer, text), said) for text, said in pieces]
    if not pieces[-1][0].endswith(ends):
        parts.append(((int(tokenizer.eos_token_id),), True))
    completion = [(token, said) for ids, said in parts[1:] for token in ids]
    learnt = tuple(said for _, said in completion)
    return Example(
        parts[0][0], tuple(token for token, _ in completion), () if all(learnt) else learnt
    )


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> tuple[int, ...]:
    return tuple(tokenizer(text, add_special_tokens=False)["input_ids"])


def _ends(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Tokens that may end a turn: any special one. To ask a tokenizer for them takes long."""
    added = tokenizer.added_tokens_decoder
    special = (token.content for token in added.values() if token.special)
    return str(tokenizer.eos_token), *special


def _answers(chat: Chat) -> list[int]:
    return [number for number, (role, _) in enumerate(chat) if role == "assistant"]


def _render(
    tokenizer: PreTrainedTokenizerBase, chat: Chat, where: str, *, asks: bool = False
) -> str:
    from jinja2 import TemplateError

    messages = [{"role": role, "content": said} for role, said in chat]
    try:
        return str(
            tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=asks)
        )
    except TemplateError as error:
        raise InputError(
            f"{where}: field 'data.chat'",
            f"the student's chat template refuses the chat that begins {chat[0][1][:40]!r}"
            f" ({error})",
            "mend or remove it: a system prompt may stand in the first turn of the user",
        ) from error
