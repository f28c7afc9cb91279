"""Where a run directory is, or a folder of them: a local path, or a URL that fsspec can open."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from distilbench.errors import InputError, use_one_of
from distilbench.keys import holds_key

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(/{1,2})(.*)", re.DOTALL)
"""Two letters at least before the colon: one is a drive of Windows."""
_HERE = ("file", "local")
_WEB = ("http", "https")
_LOGIN = "give keys by the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) or ~/.aws"


@dataclass(frozen=True)
class Place:
    """``url`` without a slash at its end, else null and ``path`` as it was given."""

    path: Path
    """Local; of a URL, only its last name."""
    url: str | None = None

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> Place:
        """A path or a URL as people write it. Reads nothing.

        Raises ``InputError`` if it is a URL of no store, or holds what must not be in one: that
        is not repeated.

        >>> str(Place.parse("s3://bucket/runs/") / "demo"), str(Place.parse("runs/demo/"))
        ('s3://bucket/runs/demo', 'runs/demo')
        """
        given = str(text) if not isinstance(text, os.PathLike) else os.fspath(text)
        found = _URL.fullmatch(given)
        if not given or "\0" in given:
            raise InputError("a run", "has no name", "give a folder or a URL")
        if not found:
            return cls(Path(given))
        scheme, slashes, rest = found[1].lower(), found[2], found[3]
        if scheme in _HERE and len(slashes) == 2:
            return cls(_local(rest))
        if len(slashes) == 1:  # as pathlib makes it of two
            _refuse_lost_slash(scheme)
            return cls(Path(given))
        _refuse_secrets(scheme, rest)
        _check(scheme, rest)
        parts = [part for part in rest.split("/") if part]
        return cls(Path(parts[-1]), f"{scheme}://{'/'.join(parts)}")

    def __truediv__(self, name: str) -> Place:
        if self.url is None:
            return Place(self.path / name)
        return Place(Path(name), f"{self.url}/{name}")

    def __str__(self) -> str:
        return self.url or str(self.path)


def _local(rest: str) -> Path:
    parts = urlsplit(f"file://{rest}")
    if parts.netloc not in ("", "localhost"):
        raise InputError(
            f"file://{rest}", "names another machine", "write file:///path with three slashes"
        )
    return Path(url2pathname(parts.path))


def _refuse_lost_slash(scheme: str) -> None:
    if scheme in (*_HERE, *_WEB, *_known()):
        raise InputError(
            f"{scheme}:/…", "has one slash where a URL has two", f"write {scheme}://… as text"
        )


def _refuse_secrets(scheme: str, rest: str) -> None:
    """What is refused here is not shown."""
    where = f"the URL {scheme}://…"
    if "@" in rest.partition("/")[0]:
        raise InputError(where, "holds a login", f"leave it out; {_LOGIN}")
    if "?" in rest or "#" in rest:
        raise InputError(where, "holds parameters", f"leave out all after ? and #; {_LOGIN}")
    if holds_key(rest):
        raise InputError(where, "holds what looks like a key", f"leave it out; {_LOGIN}")


def _check(scheme: str, rest: str) -> None:
    url = f"{scheme}://{rest}"
    parts = rest.split("/")
    if "::" in url or "://" in rest:
        raise InputError(url, "chains several stores", "name one")
    if scheme in _WEB:
        raise InputError(
            url, "is a web page, no store", "write s3://bucket/path; AWS_ENDPOINT_URL says where"
        )
    if scheme not in _known():
        raise InputError(url, f"there is no store {scheme!r}", use_one_of(scheme, sorted(_known())))
    if ".." in parts or "." in parts:
        raise InputError(url, "holds . or ..", "write the path out")
    if not any(parts) or not parts[0]:
        raise InputError(url, "names no bucket", f"write {scheme}://bucket/path")


def _known() -> set[str]:
    """Schemes that fsspec has a store for, installed or not."""
    from fsspec.registry import available_protocols

    return set(available_protocols()) - {*_HERE, *_WEB, "data"}
