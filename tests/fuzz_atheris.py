"""The targets of ``tests/fuzz.py`` under atheris, which follows what the readers' code does."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["distilbench"]):
    from tests.fuzz import TARGETS, read, valid


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("kind", choices=sorted(TARGETS))
    asked.add_argument("--seconds", type=int, default=60)
    args = asked.parse_args()
    folder = Path(tempfile.mkdtemp())  # atheris ends the process: nothing behind it is run
    corpus = folder / "corpus"
    corpus.mkdir()
    (corpus / "valid").write_bytes(valid(args.kind, folder))

    def once(data: bytes) -> None:
        read(args.kind, data, folder)

    limits = [f"-max_total_time={args.seconds}", "-timeout=10", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
