"""The edge of the program: whatever ends a command becomes one sentence and an exit code.

0: done; 1: done in part, or a mistake of distilbench's own, with where it happened; 2: something
that the user can mend (input, files, disk, an extra that is not installed); 130: stopped, by Ctrl-C
or ``kill``. No command catches these for itself.
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Sequence
from threading import current_thread, main_thread
from typing import Any

from distilbench.errors import InputError, printable

_USER, _OWN, _STOPPED = 2, 1, 130
_REMEDIES = {
    errno.ENOENT: "correct the path",
    errno.EACCES: "give yourself the right to it, or name another",
    errno.EPERM: "give yourself the right to it, or name another",
    errno.EROFS: "name a place that can be written",
    errno.ENOTDIR: "name a folder",
    errno.EEXIST: "name another, or remove it",
    errno.EISDIR: "name a file",
    errno.ENOSPC: "free space; what was written whole is kept, run again to go on",
    errno.EDQUOT: "free space; what was written whole is kept, run again to go on",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f), run again to go on",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "shorten the name",
    errno.ELOOP: "name the file that the links lead to",
    errno.EADDRINUSE: "name another port, or stop what listens there",
}
_REPORT = "this is a mistake of distilbench, not yours; report it with the lines above"
# Polars, safetensors and tokenizers; Polars names the file after it.
_RUST = re.compile(r"\(os error (\d+)\)(?:: (.+))?")
_STORE = re.compile(r"(s3a?|gcs|gs|az|abfss?|adl|memory)://", re.IGNORECASE)
_TAKE_URLS = (
    "run", "report", "recommend", "break-even", "diff", "export", "import", "status", "list",
    "cancel", "merge", "view", "figure", "table", "paper", "publish", "site", "contribute",
)  # fmt: skip
_MODULES = {"inspect_evals": "benchmarks"}  # where the package's name says nothing
TRAINING = ("torch", "transformers", "trl", "accelerate", "peft", "datasets")
_HANGUP = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()  # Windows has none
_RESUMES = ("run", "distill", "experiment")


def run_command(app: Any, arguments: Sequence[str]) -> int:
    """Run a command of the app; the exit code, after its sentence on standard error."""
    from typer import Abort
    from typer.main import get_command

    arguments = [_at_home(argument) for argument in arguments]
    try:
        _heed_interrupts()
        _refuse_urls_as_paths(arguments)
        code = get_command(app).main(arguments, "distilbench", standalone_mode=False)
        sys.stdout.flush()  # a full disk behind it shows here
        code = code if isinstance(code, int) else 0
        if code == _STOPPED:
            _say_stopped(arguments)
    except (KeyboardInterrupt, Abort):
        _say_stopped(arguments)
        code = _STOPPED
    except BrokenPipeError:  # the reader has seen enough, as of: distilbench catalog | head
        code = 0
    except SystemExit as left:  # so click ends on a broken pipe
        if not isinstance(left.__context__, BrokenPipeError):
            raise
        code = 0
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of click
            if hasattr(error, "message"):
                error.message = printable(error.message)
            error.show()
            return int(error.exit_code)
        sentence, code = sentence_of(error), _USER
        if sentence is None:
            for line in traceback.format_exc().splitlines():
                print(printable(line), file=sys.stderr)
            sentence, code = _REPORT, _OWN
        print(f"error: {printable(sentence)}", file=sys.stderr)
    _close_output()
    return code


def _refuse_urls_as_paths(arguments: Sequence[str]) -> None:
    """``s3://bucket`` where only a path of this machine can stand would become a folder ``s3:``."""
    if arguments and arguments[0] not in _TAKE_URLS:
        for argument in arguments:
            option, sign, value = argument.partition("=")
            if _STORE.match(value if sign and option.startswith("--") else argument):
                where = f"distilbench {arguments[0]}"
                raise InputError(where, "reads and writes files here, not at a URL", "name a path")


def sentence_of(error: BaseException) -> str | None:
    """What the user can do about an error, in one sentence; None if it is our own mistake."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):
        return _missing(error.name or "")
    if isinstance(error, MemoryError):
        return "memory ran out; close other programs, or give the command less at a time"
    rust = _RUST.search(str(error))
    number = int(rust[1]) if rust else getattr(error, "errno", None)
    if not (rust or isinstance(error, OSError)) or number is None:
        return None
    place = getattr(error, "filename", None) or (rust and rust[2]) or "a file or the disk"
    reason = os.strerror(number)
    return f"{place}: {reason[0].lower() + reason[1:]}; {_REMEDIES.get(number, 'check it')}"


def need(*modules: str) -> None:
    """Raise ``ModuleNotFoundError`` if a module of an extra is not installed: before a folder is
    made, and without the seconds that importing it takes."""
    from importlib.util import find_spec

    for module in modules:
        if find_spec(module) is None:
            raise ModuleNotFoundError(f"No module named {module!r}", name=module)


def _missing(module: str) -> str | None:
    """What to install for a module that is not there; None if it is one of our own."""
    top = module.partition(".")[0]
    if not top or top == "distilbench" or top in sys.stdlib_module_names:
        return None
    extra = _MODULES.get(top) or _extra_of(top)
    what = f"'distilbench[{extra}]'" if extra else top.replace("_", "-")
    return f"{top} is not installed; pip install {what}"


def _extra_of(module: str) -> str | None:
    """The extra of distilbench whose packages hold the module, by its own metadata."""
    from importlib.metadata import requires

    wanted = module.replace("_", "-").lower()
    for requirement in requires("distilbench") or ():
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].replace("_", "-").lower()
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        if name == wanted and extra and extra[1] not in ("test", "docs"):
            return extra[1]
    return None


def _at_home(argument: str) -> str:
    """``--out=~/x`` as ``--out ~/x``, in which the shell has put the home folder."""
    option, sign, value = argument.partition("=")
    if sign and option.startswith("--") and value.startswith("~"):
        return f"{option}={os.path.expanduser(value)}"
    return os.path.expanduser(argument) if argument.startswith("~") else argument


def _heed_interrupts() -> None:
    """Ctrl-C raises ``KeyboardInterrupt`` from here on, where it ended the process until now, and
    so does what a scheduler, a closed terminal or ``kill`` sends; what is ignored, as of a job in
    the background or behind ``nohup``, stays so."""
    if current_thread() is not main_thread():
        return
    for number in (signal.SIGINT, signal.SIGTERM, *_HANGUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


def _say_stopped(arguments: Sequence[str]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, *_HANGUP):
        signal.signal(number, signal.SIG_IGN)  # a second one cuts the sentence no more
    kept = "nothing was changed that the command had not finished"
    if arguments and arguments[0] in _RESUMES:
        kept = "what was finished is kept; the same command goes on from there"
    print(f"\nstopped: {kept}", file=sys.stderr)


def _close_output() -> None:
    """Drop what a closed pipe or a full disk did not take: Python would complain at its exit."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
