"""The ``distilbench`` command, and ``python -m distilbench``: Ctrl-C is minded before all else.

A Ctrl-C while the commands are being imported ends in a sentence, as one that comes later does.
So nothing is imported here that Python has not at hand: ``signal`` itself takes milliseconds. What
Python does before it comes to this file is out of reach.
"""

import _signal  # type: ignore[import-not-found]  # the part of signal that is at hand
import gc
import os
import sys

_STOPPED = 130
_OBJECTS_BETWEEN_SEARCHES = 100_000
"""What is imported stays. Left to itself, Python looks through it for garbage again after each few
hundred new objects: a tenth of the time of a command that makes a report."""


def main() -> None:
    """Entry point of the ``distilbench`` command."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # else it is ignored
        _signal.signal(_signal.SIGINT, _leave)
    gc.set_threshold(_OBJECTS_BETWEEN_SEARCHES)
    from distilbench.cli import main as start

    start()


def _leave(_: int, __: object) -> None:
    """End at once: nothing has begun, and an import may swallow an exception."""
    os.write(sys.stderr.fileno(), b"\nstopped: nothing was begun\n")
    os._exit(_STOPPED)


if __name__ == "__main__":
    main()
