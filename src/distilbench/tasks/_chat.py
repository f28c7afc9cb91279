"""A question that is a conversation: what a column of chat messages holds."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from distilbench.tasks._cells import text_of

Turn = tuple[str, str]
"""Who speaks (``system``, ``user``, ``assistant``), and what."""
_NAMES = (("role", "content"), ("from", "value"))  # OpenAI's and ShareGPT's
_ROLES = {"human": "user", "gpt": "assistant", "developer": "system"}


class Conversation(NamedTuple):
    """The last turn, which is asked, and those before it."""

    asked: str
    before: tuple[Turn, ...]


def conversation_of(value: Any) -> Conversation | None:
    """The conversation that a value holds: a list of messages, or JSON of one, as CSV has it; null:
    it holds none.

    >>> conversation_of([{"role": "system", "content": "Sum."}, {"role": "user", "content": "1+1"}])
    Conversation(asked='1+1', before=(('system', 'Sum.'),))
    >>> conversation_of("1+1") is conversation_of(["1+1"]) is None
    True

    Raises ``ValueError`` with what is wrong of messages that cannot be asked.
    """
    turns = turns_of(value)
    if turns is None:
        return None
    roles = [role for role, _ in turns]
    if roles[-1] != "user":
        raise ValueError(f"holds messages whose last is the {roles[-1]}'s, where one is to answer")
    if "system" in roles[1:]:
        raise ValueError("holds messages with a system message that is not the first")
    return Conversation(turns[-1][1], turns[:-1])


def turns_of(value: Any) -> tuple[Turn, ...] | None:
    """The turns of a list of messages, or of JSON of one; null: it is none. Raises ``ValueError``
    with what is wrong of a message."""
    messages = _listed(value)
    return None if messages is None else tuple(_turn(message) for message in messages)


def _listed(value: Any) -> list[dict[str, Any]] | None:
    if isinstance(value, str) and value.lstrip().startswith("[") and value.rstrip().endswith("]"):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    if not isinstance(value, list) or not value:
        return None
    alike = any(
        all(isinstance(one, dict) and {who, what} <= set(one) for one in value)
        for who, what in _NAMES
    )
    return value if alike else None


def _turn(message: dict[str, Any]) -> Turn:
    who, what = next(names for names in _NAMES if set(names) <= set(message))
    role, content = _ROLES.get(str(message[who]), message[who]), message[what]
    if role not in ("system", "user", "assistant"):
        raise ValueError(f"holds a message of {role!r}; system, user and assistant are asked")
    if isinstance(content, list):  # OpenAI's parts
        parts = [part.get("text") if isinstance(part, dict) else None for part in content]
        if None in parts:
            raise ValueError("holds a message with a part that is no text")
        content = "".join(map(text_of, parts))
    text = text_of(content)
    if not text:
        raise ValueError(f"holds a message of the {role} without text")
    return role, text
