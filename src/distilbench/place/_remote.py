"""The files below a URL. Each is written whole, and what the store answers becomes a sentence."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from distilbench.errors import InputError
from distilbench.keys import redact

_OBJECTS = ("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory")
"""Stores without folders: making one might make a bucket."""
_CONNECT_S, _READ_S, _TRIES = 4, 30, 2
_MARKS = ("ETag", "etag", "md5Hash", "content_md5", "LastModified", "updated", "mtime", "created")
_KEYS = "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile in ~/.aws"
_SAID = {
    "NoCredentialsError": ("no credentials were found", _KEYS),
    "PartialCredentialsError": ("half of its credentials is missing", _KEYS),
    "ProfileNotFound": ("the profile of AWS_PROFILE is not there", _KEYS),
    "TokenRetrievalError": ("its login has expired", "log in again (aws sso login)"),
    "ParamValidationError": ("its bucket has no valid name", "correct it"),
    "InvalidEndpoint": ("its endpoint is no address", "correct AWS_ENDPOINT_URL"),
}
_LOGIN = re.compile(r"//[^/@\s]+@")
_LINKS = 8
_NETWORK = "check the network and AWS_ENDPOINT_URL"

Stamp = tuple[int, str]
"""Bytes of a file, and what the store says of its content or time."""


class Unreachable(InputError):
    """The store did not do what was asked; later it may."""


class Remote:
    """The folder at ``url``. Every method raises :class:`Unreachable` if the store does not answer,
    or refuses."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._scheme = url.partition("://")[0]
        with _telling(url):
            self._fs = _filesystem(self._scheme)
            self._root = str(self._fs._strip_protocol(url))

    def files(self, under: str = "") -> dict[str, Stamp]:
        """All files below, by their path from here."""
        with _telling(self.url):
            try:
                found = self._fs.find(self._at(under), detail=True)
            except FileNotFoundError:
                self._need_bucket()
                return {}
            start = len(self._root) + 1
            return {name[start:]: _stamp(info) for name, info in found.items()}

    def read(self, name: str) -> bytes | None:
        """A small file; null if it is not there."""
        with _telling(self.url):
            try:
                return bytes(self._fs.cat_file(self._at(name)))
            except FileNotFoundError:
                return None

    def get(self, name: str, to: Path) -> bool:
        """Copy a file, whole, to ``to``; false if it is not there any more."""
        data = to.with_name(f".{to.name}.pulled")
        to.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _telling(self.url):
                try:
                    self._fs.get_file(self._at(name), str(data))
                except FileNotFoundError:
                    return False
            data.replace(to)
            return True
        finally:
            data.unlink(missing_ok=True)

    def write(self, name: str, data: bytes) -> None:
        with _telling(self.url):
            self._ready(name)
            self._fs.pipe_file(self._at(name), data)

    def put(self, name: str, file: Path) -> None:
        """Copy a local file. Raises ``FileNotFoundError`` if that is not there."""
        with file.open("rb"), _telling(self.url):
            self._ready(name)
            self._fs.put_file(str(file), self._at(name))

    def create(self, name: str, data: bytes) -> bool:
        """Write a file that is not there; false if it is. Of several who try, one succeeds.

        Raises ``InputError`` if the store cannot do that."""
        with _telling(self.url):
            self._ready(name)
            try:
                self._fs.pipe_file(self._at(name), data, mode="create")
            except FileExistsError:
                return False
            except (NotImplementedError, ValueError, TypeError) as error:
                raise InputError(
                    self.url,
                    "this kind of store cannot be held by one run",
                    "run into a local folder, then: distilbench merge FOLDER --out URL",
                ) from error
            return True

    def remove(self, names: Iterable[str]) -> None:
        """Those that are there."""
        with _telling(self.url):
            for name in names:
                try:
                    self._fs.rm_file(self._at(name))
                except FileNotFoundError:
                    continue

    def _need_bucket(self) -> None:
        """What is empty is not there, but its bucket must be."""
        if self._scheme in ("s3", "s3a"):
            bucket = self._root.partition("/")[0]
            self._fs.call_s3("list_objects_v2", Bucket=bucket, MaxKeys=1)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}" if name else self._root

    def _ready(self, name: str) -> None:
        if self._scheme not in _OBJECTS:
            self._fs.makedirs(self._at(name).rpartition("/")[0], exist_ok=True)


def _filesystem(scheme: str) -> Any:
    """A store of its own for each caller, which remembers no listing and gives up in seconds."""
    from fsspec import filesystem

    options: dict[str, Any] = {"use_listings_cache": False, "skip_instance_cache": True}
    if scheme in ("s3", "s3a"):
        options["config_kwargs"] = {
            "connect_timeout": _CONNECT_S,
            "read_timeout": _READ_S,
            "retries": {"total_max_attempts": _TRIES, "mode": "standard"},
        }
    found = filesystem(scheme, **options)
    if scheme in ("s3", "s3a"):
        found.retries = _TRIES
    return found


def _stamp(info: dict[str, Any]) -> Stamp:
    mark = next((info[key] for key in _MARKS if info.get(key)), "")
    return int(info.get("size") or 0), str(mark)


@contextmanager
def _telling(url: str) -> Iterator[None]:
    """Whatever a library of a store raises, as one sentence without keys."""
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        name = (error.name or "").partition(".")[0] or _package(str(error))
        raise InputError(url, f"needs the package {name}", f"pip install {name}") from error
    except Exception as error:
        raise Unreachable(url, *_sentence(error)) from error


def _package(said: str) -> str:
    """As fsspec says it: Install adlfs to access Azure."""
    found = re.search(r"install (?:the )?([\w-]+)", said, re.IGNORECASE)
    return found[1] if found else "of this store"


def _sentence(error: BaseException) -> tuple[str, str]:
    """What is wrong, and the remedy."""
    seen, link = [error], error.__cause__ or error.__context__
    while link is not None and len(seen) < _LINKS:
        seen.append(link)
        link = link.__cause__ or link.__context__
    for link in seen:
        if type(link).__name__ in _SAID:
            return _SAID[type(link).__name__]
    said = " ".join(_LOGIN.sub("//", redact(str(error))).split())[:200] or type(error).__name__
    if any("Invalid endpoint" in str(link) for link in seen):
        return _SAID["InvalidEndpoint"]
    if any("bucket does not exist" in str(link) for link in seen):
        return "there is no such bucket", "make it, or correct the name"
    if any(isinstance(link, FileNotFoundError) for link in seen):
        return f"is not there ({said})", "correct the name"
    if any(isinstance(link, PermissionError) for link in seen):
        return f"access is refused ({said})", "check the keys and what they may do"
    return f"does not answer ({said})", _NETWORK
