"""Whether a user's regular expression can be used: compiling one can take all memory there is.

Counted repeats are written out when an expression is compiled, and nested ones multiply:
``((a{1000}){1000}){1000}`` is a billion nodes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from math import prod

_MOST_CHARACTERS = 10_000
_MOST_NODES = 1_000_000
_WITHIN_S = 8.0
_APART = """
import sys
try:
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (2**28, 2**28))
except ImportError:
    pass  # Windows: the time limit holds
import regex
regex.compile(sys.stdin.read())
"""


def check_pattern(pattern: str) -> None:
    """Raise ``ValueError`` if ``pattern`` is no regular expression, or takes too much to compile.

    >>> check_pattern(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
    """
    import regex

    if len(pattern) > _MOST_CHARACTERS:
        raise ValueError(f"'pattern' has over {_MOST_CHARACTERS:,} characters")
    counts = (int(count[:9]) for count in re.findall(r"[{,]\s*(\d+)", pattern))
    if len(pattern) * prod(filter(None, counts)) > _MOST_NODES:
        _compile_apart(pattern)
    try:
        regex.compile(pattern)
    except (regex.error, OverflowError, RecursionError, MemoryError) as error:
        reason = str(error) or type(error).__name__
        raise ValueError(f"'pattern' is a regular expression ({reason})") from error


def _compile_apart(pattern: str) -> None:
    """Try it where it can take neither this process's memory nor its time."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _APART],
            input=pattern.encode("utf-8", "surrogatepass"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=_WITHIN_S,
            check=False,
        )
        refused = done.returncode != 0 and b"regex._regex_core.error" not in done.stderr
    except subprocess.TimeoutExpired:
        refused = True
    if refused:
        raise ValueError(
            "'pattern' takes too much memory or time to compile: its counted repeats multiply"
        )
