"""One process of a training in several: ``python -m distilbench.distill._launched JOB.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from distilbench.distill._run import train_launched

if __name__ == "__main__":
    train_launched(json.loads(Path(sys.argv[1]).read_text()))
