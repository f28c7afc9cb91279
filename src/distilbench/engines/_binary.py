"""A llama-server that the user built or installed: which flags it knows, and what it is told.

llama.cpp's flags come and go. What its own ``--help`` lists is used and nothing else, so that any
build since 2025 will do.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from distilbench.engines._gpu import GpuDevice, gpu_environment
from distilbench.errors import InputError, use_one_of
from distilbench.keys import is_secret_name, redact

_ASKED_S = 60.0  # that it may take to say what it is; a build for GPUs looks for them first
_NO_MODEL = "/no/model.gguf"  # it tells its build and ends
_TELLS_BUILD_S = 15.0
_FLAG = re.compile(r"(?<![\w-])--?[a-zA-Z][\w-]*")
_DEVICE = re.compile(r"^\s+(\w+): (.+) \((\d+) MiB, \d+ MiB free\)\s*$", re.MULTILINE)
_NO_GPU = ("CPU", "BLAS", "RPC")
_NEEDED = (
    "--model", "--ctx-size", "--parallel", "--n-gpu-layers", "--threads", "--host", "--port",
    "--slot-save-path",
)  # fmt: skip
# What each flag that a suite may not give is set by.
_PROFILE = "it is set by the profile: give '{}' there"
_OURS = "distilbench sets it itself: leave it out"
_SET = {
    "model": "it is the field 'model' beside the source: give the file there",
    **dict.fromkeys(("ctx-size", "c"), _PROFILE.format("context")),
    **dict.fromkeys(("parallel", "np"), _PROFILE.format("slots")),
    **dict.fromkeys(("threads", "t", "threads-batch", "tb"), _PROFILE.format("threads")),
    **dict.fromkeys(("n-gpu-layers", "gpu-layers", "ngl"), _PROFILE.format("gpu: {layers: N}")),
    **dict.fromkeys(("device", "dev", "main-gpu", "mg"), _PROFILE.format("gpu")),
    **dict.fromkeys(
        ("m", "host", "port", "api-key", "api-key-file", "slot-save-path", "load-mode", "lm",
         "mmap", "no-mmap", "mlock", "fit", "help", "version", "list-devices", "api-prefix",
         "ssl-key-file", "ssl-cert-file", "reuse-port"),
        _OURS,
    ),
}  # fmt: skip
_MORE_FILES = ("lora", "control-vector", "mmproj", "models-", "model-", "hf-", "docker-")
_MORE_FILES_SHORT = ("hf", "hff", "hfr", "hfd", "hfrd", "mu", "dr", "md")


@dataclass(frozen=True)
class Binary:
    """A llama-server at ``path``; ``args``: flags of the user's own beside those that the profile
    sets, by their names without dashes: true for a flag alone."""

    path: Path
    args: Mapping[str, Any]

    def check(self, where: str) -> None:
        """Raises ``InputError`` naming ``where`` if it cannot be started, is no llama-server, or
        does not know a flag of ``args`` or must not be given it."""
        listed = flags_of(self.path, where)
        missing = [flag for flag in _NEEDED if flag not in listed]
        if missing:
            raise InputError(
                where,
                f"{self.path} is no llama-server of 2025 or later: its --help lists no"
                f" {missing[0]}",
                "give the path of llama.cpp's llama-server",
            )
        for name, value in self.args.items():
            _check(name, value, listed, where)

    def command(self, settings: Mapping[str, Any], port: int) -> list[str]:
        """The command that starts it as :class:`EngineProcess` is told to start the embedded
        engine, on a loopback port."""
        listed = flags_of(self.path, str(self.path))
        slots, threads = settings["slots"], str(settings["threads"])
        told = [
            *("--model", settings["path"], "--host", "127.0.0.1", "--port", str(port)),
            *("--parallel", str(slots), "--ctx-size", str(slots * settings["context"])),
            *("--threads", threads, "--threads-batch", threads, "--threads-http", str(slots + 2)),
            *("--n-gpu-layers", str(settings["gpu_layers"])),
            *("--slot-save-path", settings["scratch"]),
            *_where_listed(listed, settings),
        ]
        own = [word for name, value in self.args.items() for word in _words(name, value, listed)]
        return [str(self.path), *told, *own]


def find_program(written: str, folder: Path, where: str) -> Path:
    """The program that a suite names: a path from ``folder`` on, or a name that is on PATH. Raises
    ``InputError`` naming ``where`` if it is not there, may not be run, or is in no folder of PATH:
    a suite may be anybody's, and what runs on a machine its owner decides."""
    bare = Path(written).name == written
    found = shutil.which(written) if bare else None
    path = Path(found) if found else folder / Path(written).expanduser()
    path = path.parent.resolve() / path.name
    if path.is_dir():
        raise InputError(where, f"{path} is a folder", "name the program llama-server in it")
    if not path.exists():
        also = ", nor is it on PATH" if bare else ""
        raise InputError(where, f"there is no file {str(path)!r}{also}", "correct the path")
    if not os.access(path, os.X_OK):
        raise InputError(where, f"{path} is not executable", f"chmod +x {path}, or correct it")
    if not _on_path(path):
        raise InputError(
            where,
            f"{path} is in no folder of PATH, and a suite alone does not decide what is run",
            f"if you trust it, put PATH={shlex.quote(str(path.parent))}:$PATH before the command",
        )
    return path


def _on_path(path: Path) -> bool:
    """Whether its folder is one of PATH; an entry that is no whole path is none: what it names
    follows from where one stands."""
    folders = filter(os.path.isabs, os.environ.get("PATH", "").split(os.pathsep))
    return any(Path(folder).resolve() == path.parent for folder in folders)


def flags_of(path: Path, where: str) -> frozenset[str]:
    """The flags that its ``--help`` lists, and how it counts verbosity: as ``1: error``, too."""
    said = _said(path, path.stat().st_mtime_ns, "--help", where)
    listed = frozenset(_FLAG.findall(said))
    return listed | {"1: error"} if "1: error" in said else listed


def version_of(path: Path) -> str | None:
    """What it says of its version and build; null: nothing that is understood."""
    try:
        said = _said(path, path.stat().st_mtime_ns, "--version", str(path))
    except (InputError, OSError):
        return None
    number = re.search(r"^version: (.+)$", said, re.MULTILINE)
    built = re.search(r"^built with (.+)$", said, re.MULTILINE)
    parts = [number and number[1].strip(), built and f"built with {built[1].strip()}"]
    return ", ".join(part for part in parts if part) or None


def system_info_of(path: Path) -> str | None:
    """What its llama.cpp says that it was compiled for, printed before it looks for a model: it is
    given one that is not there. Null: it says nothing that is understood."""
    try:
        return _system_info(path, path.stat().st_mtime_ns)
    except OSError:
        return None


@cache
def _system_info(path: Path, changed_ns: int) -> str | None:
    try:
        done = subprocess.run(
            [str(path), "--model", _NO_MODEL, "--port", "0", "--log-verbosity", "4"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TELLS_BUILD_S,
            env={**program_environment(), "CUDA_VISIBLE_DEVICES": ""},
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(
        r"system_info: [^|\n]*\|(.+)$", done.stdout + "\n" + done.stderr, re.MULTILINE
    )
    return found[1].strip() if found else None


def devices_of(path: Path, where: str) -> list[GpuDevice]:
    """The GPUs that it can use, as it lists them with ``--list-devices``."""
    said = _said(path, path.stat().st_mtime_ns, "--list-devices", where)
    return [
        GpuDevice(name.strip(), int(mib) << 20)
        for kind, name, mib in _DEVICE.findall(said)
        if not kind.startswith(_NO_GPU)
    ]


def program_environment() -> dict[str, str]:
    """Environment of a program of the user's: no API keys, and none of llama.cpp's own variables,
    which would set what no suite and no record says."""
    return {
        name: value
        for name, value in os.environ.items()
        if not is_secret_name(name) and not name.startswith(("LLAMA_ARG_", "LLAMA_API_"))
    }


@cache
def _said(path: Path, changed_ns: int, flag: str, where: str) -> str:
    """What the program prints when it is asked for one thing and ends. ``changed_ns``: of the file,
    which may be built anew meanwhile."""
    order = {k: v for k, v in gpu_environment(None).items() if "VISIBLE" not in k}
    try:
        done = subprocess.run(
            [str(path), flag],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ASKED_S,
            env={**program_environment(), **order},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        problem = f"{path} {flag} did not end in {_ASKED_S:.0f} s"
        raise InputError(where, problem, "give the path of llama.cpp's llama-server") from error
    except OSError as error:
        problem = f"{path} cannot be started ({error.strerror or error})"
        raise InputError(
            where, problem, "give a program that was built for this machine"
        ) from error
    said = done.stdout + "\n" + done.stderr
    if done.returncode != 0:
        last = [line.strip() for line in done.stderr.splitlines() if line.strip()][-1:] or ["-"]
        problem = f"{path} {flag} ended with exit code {done.returncode} ({redact(last[0])})"
        raise InputError(where, problem, "mend it: it must run from a shell, too")
    return said


def _check(name: str, value: Any, listed: frozenset[str], where: str) -> None:
    field, plain = f"{where}, args {name!r}", _plain(name)
    if plain in _SET:
        problem, _, remedy = _SET[plain].partition(": ")
        raise InputError(field, problem, remedy)
    if _loads_more(plain):
        problem = "loads a further file, which would not be counted (bytes, FLOPs, hash)"
        raise InputError(field, problem, "leave it out")
    if _flag(plain, listed) is None:
        known = [flag.lstrip("-") for flag in listed if flag.startswith("--")]
        raise InputError(field, "is no flag of this llama-server", use_one_of(plain, known))
    if isinstance(value, dict | list) or value is None:
        raise InputError(field, f"is {value!r}", "give a text or a number; true for a flag alone")
    if value is False and f"--no-{plain}" not in listed:
        raise InputError(field, f"there is no --no-{plain}", "leave it out")


def _loads_more(plain: str) -> bool:
    drafts = "draft" in plain and ("model" in plain or "hf" in plain)
    return drafts or plain.startswith(_MORE_FILES) or plain in _MORE_FILES_SHORT


def _plain(name: str) -> str:
    return name.lstrip("-").replace("_", "-")


def _flag(plain: str, listed: frozenset[str]) -> str | None:
    return next((flag for flag in (f"--{plain}", f"-{plain}") if flag in listed), None)


def _words(name: str, value: Any, listed: frozenset[str]) -> Sequence[str]:
    plain = _plain(name)
    flag = _flag(plain, listed) or f"--{plain}"
    if value is True:
        return (flag,)
    return (f"--no-{plain}",) if value is False else (flag, str(value))


def _where_listed(listed: frozenset[str], settings: Mapping[str, Any]) -> list[str]:
    """What an honest measurement needs (``_serve.py`` says why), in the words of this build: of
    each line the first that it lists."""
    copies = str(0 if settings["keep_window"] else settings["checkpoints"])
    wanted: list[list[tuple[str, ...]]] = [
        [("--load-mode", "none"), ("--no-mmap",)],
        [("--fit", "off")],
        [("--cache-ram", "0")],
        [("--no-cache-idle-slots",)],
        [("--ctx-checkpoints", copies), ("--swa-checkpoints", copies)],
        [("--no-context-shift",)],
        [("--jinja",)],
        [("--no-ui",), ("--no-webui",)],
        [("--offline",)],
    ]
    if settings["keep_window"]:
        wanted.append([("--swa-full",)])
    if not settings["gpu_layers"]:
        wanted.append([("--device", "none")])
    if "1: error" in listed:
        wanted.append([("--log-verbosity", "1")])
    chosen = [next((words for words in line if words[0] in listed), ()) for line in wanted]
    return [word for words in chosen for word in words]
