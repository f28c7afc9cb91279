"""The checks of ``gpu_check``, which says what each holds."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
from benchmarks.gpu_card import EVERY_S, Gpu, Log, Skipped, busy, integrated_j

from distilbench.architecture import describe
from distilbench.engines import locate_model
from distilbench.engines._gpu import gpu_devices
from distilbench.meter import EnergyMeter, find_meter, gpu_use
from distilbench.source import Source

WINDOW_S, SETTLE_S = 20.0, 4.0
PACKAGED = "pypi:smollm2-135m-instruct"
TASK = {
    "reasoning_gym": "chain_sum", "fewshot": 0, "max_tokens": 6,
    "params": {"min_terms": 2, "max_terms": 2, "min_digits": 1, "max_digits": 1},
}  # fmt: skip
GIB, MIB = 2**30, 2**20


class Verdict(NamedTuple):
    """``figures``: what was found; of a check that was skipped, why."""

    check: str
    said: str
    figures: str
    seconds: float = 0.0


def judged(check: str, holds: bool, figures: str) -> Verdict:
    return Verdict(check, "pass" if holds else "fail", figures)


@dataclass(frozen=True)
class Place:
    """Where the checks work. ``gpu``: NVIDIA's card, or why there is none."""

    gpu: Gpu | str
    folder: Path

    @property
    def card(self) -> Gpu:
        if isinstance(self.gpu, str):
            raise Skipped(self.gpu)
        return self.gpu

    @property
    def device(self) -> str:
        """Torch's. A card that torch does not see is told by :func:`check_torch`."""
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def write(self, name: str, data: Any) -> Path:
        file = self.folder / name
        file.write_text(json.dumps(data))  # JSON is YAML
        return file


def check_torch(place: Place) -> Iterator[Verdict]:
    import torch

    card, built = place.card, torch.version.cuda or "no CUDA"
    there = torch.cuda.is_available()
    yield judged("torch", there, f"torch {torch.__version__} ({built}) beside {card.name}")


def check_energy(place: Place) -> Iterator[Verdict]:
    card = place.card
    card.check_counter()
    found = find_meter("", 0, time.process_time)
    own = [counter for counter in found.counters if counter.name.startswith("GPU 0")]
    if not own:
        yield judged("energy", False, f"our meter has no counter of the card: {found.method}")
        return
    meter = EnergyMeter(own)
    with busy(), Log(card.watts) as log:
        time.sleep(SETTLE_S)
        meter.begin()
        time.sleep(WINDOW_S)
        energy = meter.end()
        time.sleep(3 * EVERY_S)
    assert energy is not None
    logged = integrated_j(log.readings, energy.begun, energy.ended)
    off = energy.total_j / logged - 1
    yield judged(
        "energy",
        abs(off) <= 0.02 and energy.known == "measured",
        f"{energy.total_j:,.0f} J by our meter ({energy.method}), {logged:,.0f} J by the log of"
        f" {len(log.readings)} readings: {off:+.2%}",
    )


def check_memory(place: Place) -> Iterator[Verdict]:
    """Of a process that holds a known gibibyte and more: NVML's figure, and that of our meter."""
    card = place.card
    with busy() as pid:
        told, use = card.held(), gpu_use([pid])
    if pid not in told:
        raise Skipped("the driver numbers processes as another container does")
    near = use.bytes is not None and abs(use.bytes - told[pid]) <= max(0.05 * told[pid], 64 * MIB)
    ours = f"{use.bytes / MIB:,.0f} MiB" if use.bytes is not None else f"none ({use.reason})"
    figures = f"ours {ours}, NVML {told[pid] / MIB:,.0f} MiB, of which torch was asked for 1,152"
    yield judged("memory", near and told[pid] > GIB, figures)


def run_cell(place: Place, name: str, **suite: Any) -> tuple[dict[str, Any], pl.DataFrame]:
    """Run a suite of one cell: its record and its samples."""
    from distilbench.runner import run_suite

    task = {**TASK, "questions": 8, "max_tokens": 32}
    data = {"name": name, "tasks": [task], **suite}
    done = run_suite(place.write(f"{name}.yaml", data), place.folder / "runs")
    if not done.complete:
        raise RuntimeError(f"the run did not finish: {'; '.join(done.failed) or done.run_dir}")
    tables = [pl.read_parquet(done.run_dir / f"{kind}.parquet") for kind in ("cells", "samples")]
    return tables[0].row(0, named=True), tables[1]


def answered(samples: pl.DataFrame) -> bool:
    timed = (samples["total_s"] > 0).all() and (samples["output_tokens"] > 0).all()
    return samples.height > 0 and timed and set(samples["outcome"]) <= {"stop", "length"}


def check_layers(place: Place) -> Iterator[Verdict]:
    if not gpu_devices():
        raise Skipped(
            f"the installed xllamacpp {version('xllamacpp')} is built for no GPU: docs/gpu.md says"
            " which wheel is"
        )
    described = describe(locate_model(Source.parse(PACKAGED), place.folder, "gpu_check"))
    assert described.architecture is not None
    assert described.weights_bytes is not None
    parts, weights = described.architecture.layer_count + 1, described.weights_bytes
    for layers in (0, parts // 2, parts):
        gpu: Any = {"index": 0, "layers": layers}
        read = place.gpu.held if isinstance(place.gpu, Gpu) else dict
        before = set(read())
        with Log(read) as log:
            cell, samples = run_cell(
                place, f"layers-{layers}", models=[PACKAGED], profiles=[{"name": "p", "gpu": gpu}]
            )
        new = [
            sum(size for pid, size in held.items() if pid not in before) for _, held in log.readings
        ]
        peak, share = max(new, default=0), weights * layers / parts
        ours = cell["peak_gpu_memory_bytes"]
        rate = samples["output_tokens"].sum() / samples["decode_s"].sum()
        yield judged(
            f"layers: {layers} of {parts}",
            answered(samples)
            and cell["gpu_layers"] == layers
            and (isinstance(place.gpu, str) or peak >= 0.8 * share)
            and (ours is None or not peak or abs(ours - peak) <= max(0.05 * peak, 64 * MIB)),
            f"recorded {cell['gpu_layers']}; {peak / MIB:,.0f} MiB of the card by NVML, their share"
            f" of the weights {share / MIB:,.0f}; in the record"
            f" {'not available' if ours is None else f'{ours / MIB:,.0f} MiB'};"
            f" {rate:,.0f} tokens/s",
        )


def check_hf(place: Place) -> Iterator[Verdict]:
    folder = tiny_model(place.folder / "served", hidden=512, layers=8)
    model = {
        "source": "inspect:hf/tiny",
        "args": {"model_path": str(folder), "device": place.device},
    }
    read = place.gpu.held if isinstance(place.gpu, Gpu) else dict
    before = set(read())
    with Log(read) as log:
        cell, samples = run_cell(place, "hf", models=[model], profiles=[{"slots": 4}])
    pids = {pid for _, held in log.readings for pid in held} - before
    tokens, seconds = samples["output_tokens"].sum(), cell["wall_s"]
    figures = f"{samples.height} answers, {tokens} tokens in {seconds:.1f} s on {place.device}"
    yield judged("hf: served", answered(samples), figures)
    known, method = cell["energy_known"], cell["energy_method"]
    if isinstance(place.gpu, str):
        said = f"{known}: {method}" if known else method
        yield Verdict("hf: metered", "skipped", f"{place.gpu}; joules here: {said}")
        return
    yield judged("hf: on the card", bool(pids), f"{len(pids)} new processes on it by NVML")
    total, idle = cell["energy_total_j"], cell["energy_idle_j"]
    if known != "measured" or not total:
        yield judged("hf: metered", False, f"joules are {known}: {method}")
        return
    summed = samples["energy_j"].sum() + idle
    figures = f"{total:,.0f} J ({method}); shares and idle part {summed:,.0f} J"
    yield judged("hf: metered", abs(summed / total - 1) <= 0.01, figures)


def tiny_model(folder: Path, hidden: int, layers: int) -> Path:
    """A Llama with random weights, and a tokenizer of single bytes, as transformers saves them."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = {word: number for number, word in enumerate(["<|end|>", "<|start|>", *letters])}
    made = Tokenizer(models.BPE(words, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    special = {"eos_token": "<|end|>", "pad_token": "<|end|>", "bos_token": "<|start|>"}
    PreTrainedTokenizerFast(tokenizer_object=made, **special).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=hidden, intermediate_size=2 * hidden,
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=4,
        max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=1, eos_token_id=0,
        pad_token_id=0,
    )  # fmt: skip
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def student(place: Place, name: str, **changes: Any) -> Any:
    """A small student made by a recipe: the record of its training, and the result."""
    from distilbench.distill import make_student

    if not (place.folder / "tokenizer").is_dir():
        tiny_model(place.folder / "tokenizer", hidden=64, layers=1)
    recipe = {
        "method": "logit",
        "data": {"task": TASK, "questions": 64},
        "held_out": {"questions": 16, "accuracy": False},
        "training": {"max_steps": 40, "batch_size": 8, "learning_rate": 0.003, "max_length": 128,
                     "precision": "bfloat16"},
        **changes,
    }  # fmt: skip
    made = make_student(place.write(f"{name}.yaml", recipe), place.folder / "students")
    [record] = [r for r in made.stages if r.owner == name and r.stage == "student_training"]
    return record, made


def check_distillation(place: Place) -> Iterator[Verdict]:
    shape = {"layers": 4, "hidden": 128, "heads": 4, "ffn": 256, "context": 160}
    _, teacher = student(
        place, "teacher", method="scratch", tokenizer="tokenizer", student={"new": shape}
    )
    record, made = student(
        place, "student", student={"layers": 1}, teacher={"source": str(teacher.student_dir)}
    )
    before = made.loss_before
    figures = f"held-out loss {before:.2f} to {made.loss:.2f} nats in {record.last_step} steps"
    yield judged("distillation in bfloat16", before > made.loss > 0, f"{figures} on {place.device}")
    if place.device == "cuda":
        peak, joules = record.peak_gpu_bytes, record.energy_j
        figures = f"peak {(peak or 0) / MIB:,.0f} MiB by torch's allocator; {joules or 0:,.0f} J"
        metered = bool(peak and joules) and record.energy_known == "measured"
        yield judged("distillation: metered", metered, f"{figures} ({record.energy_method})")
    else:
        yield Verdict("distillation: metered", "skipped", "torch has no GPU here")
    off = record.flops_counted / record.flops_formula - 1
    figures = (
        f"{record.flops_counted:.4g} counted, {record.flops_formula:.4g} by formula: {off:+.2%}"
    )
    yield judged("flops: training", abs(off) <= 0.05, figures)


def check_flops(place: Place) -> Iterator[Verdict]:
    import torch
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import LlamaForCausalLM

    from distilbench.distill.accounts import shape_of

    folder, rows, length = tiny_model(place.folder / "counted", 256, 4), 2, 128
    for attention in ("eager", "sdpa"):
        name = f"flops: forward, {attention}"
        if attention == "sdpa" and place.device == "cpu":
            yield Verdict(name, "skipped", "torch does not count the CPU's fused attention")
            continue
        kept = {"dtype": torch.bfloat16, "attn_implementation": attention}
        model = LlamaForCausalLM.from_pretrained(folder, **kept).to(place.device).eval()
        formula = rows * shape_of(model).forward_flops(length, causal=False).total
        ids = torch.zeros((rows, length), dtype=torch.long, device=place.device)
        with torch.inference_mode(), FlopCounterMode(display=False) as counter:
            model(ids)
        counted = counter.get_total_flops()
        figures = f"{counted:.4g} counted on {place.device}, {formula:.4g} by formula"
        yield judged(name, abs(counted / formula - 1) <= 0.01, figures)


def check_fsdp(place: Place) -> Iterator[Verdict]:
    import torch

    import distilbench

    if (there := torch.cuda.device_count()) < 2:
        raise Skipped(f"it takes two GPUs, and torch sees {there}")
    packaged = Path(distilbench.__file__).parent / "distill/recipe/accelerate/fsdp-8.yaml"
    two = packaged.read_text("utf-8").replace("num_processes: 8", "num_processes: 2")
    (place.folder / "two.yaml").write_text(two)
    teacher = place.folder / "students/teacher/student"
    record, made = student(
        place, "sharded", student={"layers": 1}, teacher={"source": str(teacher)},
        accelerate="two.yaml",
    )  # fmt: skip
    figures = f"held-out loss {made.loss_before:.2f} to {made.loss:.2f} nats, {record.samples} rows"
    yield judged("fsdp in two processes", made.loss_before > made.loss > 0, figures)
