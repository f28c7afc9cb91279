"""One process of a training in several: ``python -m`` this module, with the file of the job."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from distilbench.distill.training._launch import REFUSAL, is_main
from distilbench.distill.training._trial import train_launched
from distilbench.errors import InputError
from distilbench.files import write_json

if __name__ == "__main__":
    job = json.loads(Path(sys.argv[1]).read_text())
    try:
        train_launched(job)
    except InputError as error:
        if is_main():
            words = [error.where, error.problem, error.remedy]
            write_json(Path(job["place"], REFUSAL), words)
        sys.exit(2)
