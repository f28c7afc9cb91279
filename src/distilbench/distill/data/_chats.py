"""Chats of several turns: read from a file of JSON Lines."""

from __future__ import annotations

import itertools
from pathlib import Path

from distilbench.distill.data._lines import in_column, lines_of
from distilbench.errors import InputError
from distilbench.tasks import turns_of

Chat = tuple[tuple[str, str], ...]
"""Turns: who speaks (``system``, ``user``, ``assistant``), and what."""
_UNREAD = ("tool_calls", "tools", "reasoning_content", "thinking", "function_call")


def read_chats(path: Path, column: str) -> list[Chat]:
    """The chats in a column of a file. Raises ``InputError`` naming the row that holds none, or
    what would be lost without a word: tools, thoughts in a field of their own, images."""
    if not path.is_file():
        raise InputError(str(path), "there is no such file", "correct 'data.chat'")
    if path.suffix != ".jsonl":
        raise InputError(str(path), "is no .jsonl file", "convert it to one, a chat a line")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(str(path), "is not UTF-8", "convert it") from error
    found = [chat_of(line, column, where) for line, where in lines_of(text, path)]
    if not found:
        raise InputError(str(path), "is empty", "give chats")
    return found


def chat_of(line: str, column: str, where: str) -> Chat:
    """The chat of a line; ``where``: its place, for errors. See :func:`read_chats`."""
    value = in_column(line, column, where, "chat")
    where = f"{where}, {column!r}"
    for message in value if isinstance(value, list) else ():
        for name in _UNREAD:
            if isinstance(message, dict) and message.get(name):
                remedy = "remove the row, or write it into 'content'"
                raise InputError(where, f"has a message with {name!r}, which is not read", remedy)
    try:
        turns = turns_of(value)
    except ValueError as error:
        raise InputError(where, str(error), "mend or remove the row") from error
    if turns is None:
        remedy = "give messages with 'role' and 'content' (or 'from' and 'value')"
        raise InputError(where, "is no list of chat messages", remedy)
    if wrong := _wrong(turns):
        raise InputError(where, wrong, "mend or remove the row")
    return turns


def _wrong(turns: Chat) -> str | None:
    """What is wrong with the order of turns."""
    roles = [role for role, _ in turns]
    if "system" in roles[1:]:
        return "has a system message that is not the first"
    if "assistant" not in roles:
        return "has no turn of the assistant to learn from"
    if roles[roles[0] == "system"] != "user":
        return "begins with the assistant, which answers nobody"
    if any(one == other for one, other in itertools.pairwise(roles)):
        return "has two turns of one speaker in a row"
    return None
