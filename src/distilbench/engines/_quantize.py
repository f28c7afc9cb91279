"""Quantizes a GGUF file, with llama.cpp's own quantizers."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from distilbench.architecture import Quantization, describe, model_files
from distilbench.cache import cache_folder, made_once
from distilbench.engines._digest import sha256_of
from distilbench.errors import InputError

# What the gguf package, llama.cpp's own, can write; the k- and i-quants need llama-quantize.
_BY_PACKAGE = ("F32", "F16", "BF16", "Q8_0", "Q5_1", "Q5_0", "Q4_1", "Q4_0")
# llama.cpp keeps what gives the logits at 8 bits or near, whatever the rest is quantized to.
_OUTPUT_TENSORS = ("output.weight", "token_embd.weight")
_GET_IT = "install llama.cpp (brew, winget, nix, conda-forge, or its releases) and put it on PATH"


def quantized(source: Path, to: Quantization, where: str, out: Path | None = None) -> Path:
    """The file ``source`` quantized ``to``: made at its first use, then kept in the cache folder
    (or ``out``), named by the digest of its source.

    Made by ``llama-quantize`` where it is on PATH, else by llama.cpp's ``gguf`` package, which
    knows the types that are not k- or i-quants. Raises ``InputError`` naming ``where`` otherwise.
    """
    if describe(source).quantization == to:
        return source
    folder = out or cache_folder() / "quantized"

    def make(made: Path) -> None:
        if shutil.which("llama-quantize"):
            _by_llama_quantize(source, made, to, where)
        else:
            check_quantization(to, where)
            _by_package(source, made, to)

    return made_once(folder / f"{source.stem}-{sha256_of(source)[:8]}-{to}.gguf", make)


def check_quantization(to: Quantization, where: str) -> None:
    """Raises ``InputError`` naming ``where`` if nothing here makes this type."""
    if to not in _BY_PACKAGE and not shutil.which("llama-quantize"):
        raise InputError(where, f"{to} is made by llama-quantize, which is not here", _GET_IT)


def _by_llama_quantize(source: Path, out: Path, to: Quantization, where: str) -> None:
    command = ["llama-quantize", "--allow-requantize", str(source), str(out), to]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        said = (done.stderr + done.stdout).strip().splitlines()[-1:] or ["no reason given"]
        raise InputError(where, f"llama-quantize made no {to} ({said[0]})", "choose another type")


def _by_package(source: Path, out: Path, to: Quantization) -> None:
    """Copy the file tensor by tensor; matrices become ``to``, vectors stay as they are."""
    from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, LlamaFileType

    readers = [GGUFReader(file) for file in model_files(source)]
    reader = readers[0]  # of a split model, the first part alone tells of it
    architecture = reader.fields["general.architecture"].contents()
    writer = GGUFWriter(out, architecture)
    for field in reader.fields.values():
        if field.name.startswith(("GGUF.", "split.")) or field.name in _WRITTEN_BY_WRITER:
            continue
        element = field.types[-1] if len(field.types) > 1 else None
        writer.add_key_value(field.name, field.contents(), field.types[0], sub_type=element)
    declared = f"{'ALL' if to == 'F32' else 'MOSTLY'}_{to}"
    writer.add_file_type(LlamaFileType[declared])
    tensors = [tensor for part in readers for tensor in part.tensors]
    for tensor in tensors:
        kind = _kind(tensor, GGMLQuantizationType[to], GGMLQuantizationType)
        data = _converted(tensor, kind)
        writer.add_tensor(tensor.name, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_WRITTEN_BY_WRITER = ("general.architecture", "general.file_type")


def _kind(tensor: Any, to: Any, kinds: Any) -> Any:
    """The type that a tensor gets."""
    from gguf import GGML_QUANT_SIZES

    if len(tensor.shape) < 2 or int(tensor.shape[1]) == 1:
        return tensor.tensor_type
    fine = GGML_QUANT_SIZES[to][1] / GGML_QUANT_SIZES[to][0] >= 1
    if tensor.name in _OUTPUT_TENSORS and not fine:
        to = kinds.Q8_0
    return to if int(tensor.shape[0]) % GGML_QUANT_SIZES[to][0] == 0 else kinds.F16


def _converted(tensor: Any, kind: Any) -> Any:
    from gguf.quants import dequantize, quantize

    if kind == tensor.tensor_type:
        return tensor.data
    return quantize(dequantize(tensor.data, tensor.tensor_type), kind)
