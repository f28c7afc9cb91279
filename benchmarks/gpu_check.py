"""What only a GPU can show, checked in one command: under 10 minutes, nothing from the network.

    python -m benchmarks.gpu_check [--gpu 0] [--write docs/gpu.md]

Run it from the repository's root, in the environment of distilbench with the extras ``distill`` and
``energy``, and one of xllamacpp's GPU wheels (docs/gpu.md). Each check passes, fails or is skipped,
with its figures or its reason; the exit code is 1 if one fails. ``--write`` puts the table into
that page, between its two marks.

    energy        our meter's joules of a steady load of 20 s within 2% of a log of its own: NVML's
                  power, read 20 times a second here, integrated by trapezoids. Steady, because
                  newer cards tell the mean of the last second and not the power of the moment.
    memory        what our meter says of a process within 5% (or 64 MiB) of what NVML says of it
    layers        a packaged model with no, half and all of its layers on the GPU: the layers are in
                  the record, and the GPU's memory holds their share of the weights
    hf            a small random model served by transformers: answered, on the GPU, its joules
                  measured, and the shares of its questions with the idle part within 1% of them
    distillation  two small students one from the other, in bfloat16: the held-out loss falls, the
                  GPU's memory and joules are in the records
    flops         torch's count on this device within 1% of the formula for a forward pass, in
                  attention written out and fused; within 5% for the training above
    sustained     what a model kept under load is told: the processor's temperature and frequency,
                  or why there are none; the card's temperature within 3 degrees, its clock within
                  5% and its throttle reasons those of nvidia-smi, under a load
    fsdp          the same distillation in two processes that share the weights, on two GPUs

Without a GPU it does what a CPU can (hf, distillation, flops, the processor's part of sustained)
and says what it skipped. It reads
NVIDIA's NVML; on another maker's card 'energy' and 'memory' are skipped.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.gpu_card import Skipped, find_gpu
from benchmarks.gpu_checks import (
    Place,
    Verdict,
    check_distillation,
    check_energy,
    check_flops,
    check_fsdp,
    check_hf,
    check_layers,
    check_memory,
    check_torch,
)
from benchmarks.gpu_sensors import check_sustained

from distilbench.meter import describe_hardware

MARKS = "<!-- gpu_check: begin -->", "<!-- gpu_check: end -->"
PACKAGES = (
    "distilbench", "xllamacpp", "torch", "transformers", "trl", "zeus", "nvidia-ml-py",
)  # fmt: skip

CHECKS: tuple[Callable[[Place], Iterator[Verdict]], ...] = (
    check_torch, check_energy, check_memory, check_layers, check_hf, check_distillation,
    check_flops, check_sustained, check_fsdp,
)  # fmt: skip


def verdicts(place: Place, checks: Sequence[Callable[[Place], Iterator[Verdict]]]) -> list[Verdict]:
    """Every check made; an error in one fails it, and the rest go on."""
    found: list[Verdict] = []
    for check in checks:
        name, begun = check.__name__.removeprefix("check_"), time.monotonic()
        try:
            for verdict in check(place):
                now = time.monotonic()
                found.append(verdict._replace(seconds=now - begun))
                begun = now
        except Skipped as reason:
            found.append(Verdict(name, "skipped", str(reason), time.monotonic() - begun))
        except Exception as error:
            words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            found.append(Verdict(name, "fail", words, time.monotonic() - begun))
    return found


def table(place: Place, found: Sequence[Verdict]) -> str:
    """The machine, its programs and what was found, in Markdown."""
    card = place.gpu
    name = card if isinstance(card, str) else f"{card.name}, driver {card.driver}"
    programs = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    lines = [
        f"`python -m benchmarks.gpu_check` on {date.today().isoformat()}: {name};"
        f" {describe_hardware().processor}, Python {platform.python_version()}, {programs}.",
        "",
        "| check | | figures, or why it was skipped | s |",
        "| --- | --- | --- | --- |",
    ]
    for verdict in found:
        cells = (verdict.check, verdict.said, verdict.figures, f"{verdict.seconds:.0f}")
        lines.append("| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |")
    return "\n".join(lines)


def write(page: Path, text: str) -> None:
    """Put the table between the page's marks. Raises ``SystemExit`` if it has none."""
    begin, end = MARKS
    before, found, rest = page.read_text("utf-8").partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{page} has no lines {begin} and {end}")
    page.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gpu", type=int, default=0, help="which card, as nvidia-smi counts")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the table into this page")
    asked = parser.parse_args(arguments)
    os.environ.update(HF_HUB_OFFLINE="1", CUDA_DEVICE_ORDER="PCI_BUS_ID")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["DISTILBENCH_CACHE"] = str(Path(folder, "cache"))
        place = Place(find_gpu(asked.gpu), Path(folder))
        found = verdicts(place, CHECKS)
    text = table(place, found)
    print(text)
    if asked.write:
        write(asked.write, text)
    return int(any(verdict.said == "fail" for verdict in found))


if __name__ == "__main__":
    raise SystemExit(main())
