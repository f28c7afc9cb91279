"""Holds what a student is trained and judged on: questions of a task or plain text, as examples of
tokens and as padded batches. Imports ``recipe``.
"""

from distilbench.distill.data._batches import IGNORED, Collator, as_example, rows, to_batch
from distilbench.distill.data._chats import Chat
from distilbench.distill.data._corpus import (
    Asked,
    Corpus,
    Example,
    Task,
    answered,
    load_corpus,
    prompt_ids,
)
from distilbench.distill.data._examples import (
    Texts,
    asked_texts,
    held_out_examples,
    length_notes,
    some_left,
    some_texts,
    training_examples,
    validation_examples,
)
from distilbench.distill.data._packing import Packed, packed
from distilbench.distill.data._turns import chat_notes

__all__ = [
    "IGNORED",
    "Asked",
    "Chat",
    "Collator",
    "Corpus",
    "Example",
    "Packed",
    "Task",
    "Texts",
    "answered",
    "as_example",
    "asked_texts",
    "chat_notes",
    "held_out_examples",
    "length_notes",
    "load_corpus",
    "packed",
    "prompt_ids",
    "rows",
    "some_left",
    "some_texts",
    "to_batch",
    "training_examples",
    "validation_examples",
]
