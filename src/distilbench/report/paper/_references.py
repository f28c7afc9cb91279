"""BibTeX of the publications that a paper on a run cites."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from distilbench.catalog import Card, Catalog, Source, cited_in
from distilbench.report.paper._latex import escaped
from distilbench.yaml_file import read_yaml

_ARXIV = re.compile(
    r"(?:arXiv[ :]|arxiv\.org/(?:abs|pdf)/)(\d{4}\.\d{4,5})(?:v\d+)?", re.IGNORECASE
)
_SPLITS = r"(\d*shot|20\d\d|easy|challenge|diamond|main|cot)*"
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030c": "v ",
    "\u0327": "c ", "\u030a": "r ",
}  # fmt: skip
_ORDER = (
    "author", "key", "title", "journal", "booktitle", "publisher", "edition", "volume", "number",
    "pages", "howpublished", "year", "doi", "eprint", "archiveprefix", "url", "note",
)  # fmt: skip
_VERBATIM = ("doi", "eprint", "archiveprefix", "url", "pages", "volume", "number", "year")


@dataclass
class References:
    """What is cited, in the order in which it was asked for; each publication has one key."""

    catalog: Catalog
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the software by its key among the works, as the run recorded them, in words."""
    entries: dict[str, dict[str, str]] = field(default_factory=dict)

    def work(self, key: str) -> str:
        """Cite a work that distilbench knows; returns its key."""
        fields = dict(_known("works")[key])
        if self.versions.get(key):
            fields["note"] = self.versions[key]
        self.entries.setdefault(key, _completed(fields))
        return key

    def source(self, key: str, source: Source) -> str:
        """Cite a source of the catalog; returns its key, which is another where two cards of a user
        mean different publications by one."""
        also = _known("authors").get(key, {}).get("as", "")
        if also in self.catalog.sources:
            return self.source(also, self.catalog.sources[also])
        made = _completed({**_of_source(source), **_known("authors").get(key, {})})
        name, count = key, 1
        while self.entries.get(name, made) != made:
            count += 1
            name = f"{key}-{count}"
        self.entries.setdefault(name, made)
        return name

    def card(self, card: Card) -> list[str]:
        """Cite every source of a card's figures."""
        named = dict.fromkeys(cited.source for _, cited in cited_in(card))
        known = {**self.catalog.sources, **card.sources}
        return [self.source(key, known[key]) for key in named if key in known]

    def benchmark(self, name: str) -> str | None:
        """Cite the publication of an Inspect task (``inspect_evals/gsm8k``), if it is known."""
        plain = "".join(c for c in name.rpartition("/")[2].lower() if c.isalnum())
        known = _known("benchmarks")
        key = next((k for k in known if re.fullmatch(k + _SPLITS, plain)), None)
        fields = known[key] if key else _described(name)
        if fields is None:
            return None
        if "as" in fields:
            return self.work(fields["as"])
        key = key or f"task-{plain}"
        self.entries.setdefault(key, _completed(fields))
        return key

    def bibtex(self) -> str:
        """All of them as a ``.bib`` file."""
        return "\n".join(_entry(key, fields) for key, fields in self.entries.items())


@cache
def _known(part: str) -> Mapping[str, Mapping[str, str]]:
    """The works of a part of ``works.yaml``, by their keys."""
    found = read_yaml(Path(__file__).parent / "works.yaml", "works").data[part]
    return {key: {n: str(v) for n, v in fields.items()} for key, fields in found.items()}


def _described(name: str) -> dict[str, str] | None:
    """What an installed package says of a task's publication in its ``eval.yaml``. The name may be
    a stranger's: one with a dot in it is not looked for, as Python would import what is before the
    dot."""
    package, _, task = name.partition("/")
    if not package.isidentifier():
        return None
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    folder = Path(spec.origin).parent if spec and spec.origin else None
    for path in sorted(folder.glob("*/eval.yaml")) if folder else ():
        said = read_yaml(path, "title:").data
        if any(str(one.get("name")) == task for one in said.get("tasks") or ()):
            arxiv = _ARXIV.search(str(said.get("arxiv", "")))
            return {"title": str(said["title"]), "arxiv": arxiv[1]} if arxiv else None
    return None


def _of_source(source: Source) -> dict[str, str]:
    arxiv = _ARXIV.search(f"{source.title} {source.url or ''}")
    title = re.sub(r",? arXiv:? ?\d{4}\.\d{4,5}(v\d+)?", "", source.title).replace("()", "").strip()
    fields = {"title": title}
    if arxiv:
        fields["arxiv"] = arxiv[1]
    if source.url is not None:
        fields["url"] = str(source.url)
    return fields


def _completed(fields: Mapping[str, str]) -> dict[str, str]:
    """With what follows from an arXiv number; without an author, the title to sort by."""
    made = dict(fields)
    if "author" not in made:
        made["key"] = made["title"]
    number = made.pop("arxiv", None)
    if number:
        made |= {"eprint": number, "archiveprefix": "arXiv"}
        made.setdefault("year", f"20{number[:2]}")
        made.setdefault("url", f"https://arxiv.org/abs/{number}")
        made.setdefault("note", f"arXiv:{number}")
    return made


def _entry(key: str, fields: Mapping[str, str]) -> str:
    lines = [f"  {name} = {{{_value(name, fields[name])}}}" for name in _ORDER if name in fields]
    return f"@{fields.get('type', 'misc')}{{{key},\n" + ",\n".join(lines) + "\n}\n"


def _value(name: str, text: str) -> str:
    if name == "url":
        return quote(text, safe=":/?#[]@!$&'()*+,;=~-._%")
    if name in _VERBATIM:
        return text
    if name == "author":
        return " and ".join(_author(one) for one in text.split(" and "))
    return f"{{{_ascii(escaped(text))}}}"  # in braces twice: capitals stay


def _author(name: str) -> str:
    if name.startswith("{"):
        return f"{{{_ascii(escaped(name.strip('{}')))}}}"
    return _ascii(escaped(name))


def _ascii(text: str) -> str:
    r"""Letters with accents as TeX makes them, which every BibTeX sorts right.

    >>> print(_ascii("Köpf"))
    K{\"o}pf
    """
    made = ""
    for c in text:
        apart = unicodedata.normalize("NFD", c)
        letter, known = apart[0], [_ACCENTS.get(mark, "") for mark in apart[1:]]
        made += (
            f"{{\\{known[0]}{_dotless(letter, known[0])}}}" if len(known) == 1 and known[0] else c
        )
    return made


def _dotless(letter: str, accent: str) -> str:
    return {"i": r"\i", "j": r"\j"}.get(letter, letter) if accent not in ("c ",) else letter


def sources_of(catalog: Catalog, cards: Iterable[Card]) -> list[Card]:
    """The cards, and those that creation cost is traced to: bases and teachers, their own too."""
    found: dict[str, Card] = {}
    queue = list(cards)
    while queue:
        card = queue.pop(0)
        if card.id in found:
            continue
        found[card.id] = card
        if card.lineage.recipe is not None:
            named: list[Any] = [card.lineage.base, card.lineage.teacher]
            queue += [catalog.cards[i] for i in named if i in catalog.cards]
    return list(found.values())
