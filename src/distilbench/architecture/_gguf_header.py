"""What the header of a GGUF file says: metadata and the list of tensors."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import prod
from typing import Any

from distilbench.architecture._quantization import FILE_TYPES, tensor_bytes

_TABLES = re.compile(r"(^|\.)(rope_(freqs|factors_\w+)|attn_rot_embd)\b")  # computed, not learned
_SCALES = re.compile(r"^blk\..*\.(input_)?scale$")  # of NVFP4 and BitNet, beside their tensor
_BLOCK = re.compile(r"blk\.(\d+)\.")
_ROUTED = re.compile(r"_exps\.|\.ffn_(gate|up|down)\.\d+\.")  # today's files, and Mixtral's first
# A running state is the end of all that was read: it cannot go back to the middle of a text.
_RECURRENT = re.compile(r"\.(ssm_|time_mix_|shortconv\.)")


@dataclass(frozen=True)
class GGUFHeader:
    """Metadata by key, and shape and type of each tensor by name."""

    metadata: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    types: dict[str, str]

    @property
    def weights(self) -> dict[str, int]:
        """Number of elements of each tensor that holds weights; tables of positions and scales of
        quantized tensors hold none."""
        held = {n: s for n, s in self.shapes.items() if not _TABLES.search(n)}
        return {n: prod(s) for n, s in held.items() if not _SCALES.search(n)}

    @property
    def parameters(self) -> int:
        """Weights in the file: all elements of all tensors that hold weights."""
        return sum(self.weights.values())

    @property
    def experts(self) -> bool:
        """Whether it has routed experts, of which a token uses some."""
        return any(_ROUTED.search(name) for name in self.shapes)

    @property
    def active_parameters(self) -> int | None:
        """Weights that one token passes through; null where it is not said how many experts."""
        arch = self.metadata.get("general.architecture")
        count, used = (self.metadata.get(f"{arch}.expert{n}_count", 0) for n in ("", "_used"))
        if self.experts and not (type(count) is type(used) is int and 0 < used <= count):
            return None
        answering = {n: c for n, c in self.weights.items() if not self._is_ahead(n)}
        return sum(
            c * used // count if self.experts and _ROUTED.search(n) else c
            for n, c in answering.items()
        )

    def _is_ahead(self, name: str) -> bool:
        found = _BLOCK.match(name)
        return found is not None and self.blocks is not None and int(found[1]) >= self.blocks

    @property
    def embedding_parameters(self) -> int:
        tables = ("token_embd.weight", "output.weight", "position_embd.weight",
                  "token_types.weight", "per_layer_token_embd.weight")  # fmt: skip
        return sum(prod(self.shapes[n]) for n in tables if n in self.shapes)

    @property
    def weights_bytes(self) -> int | None:
        """Bytes of all tensors; null where one is of an unknown type."""
        sizes = [tensor_bytes(self.types[n], prod(s)) for n, s in self.shapes.items()]
        return None if None in sizes else sum(s for s in sizes if s)

    @property
    def quantization(self) -> str:
        """The mix that the file declares, by its number if that is not known; a file that declares
        none is called by the type of most of its weights."""
        declared = self.metadata.get("general.file_type")
        if declared is not None:
            return FILE_TYPES.get(declared, f"file type {declared}")
        held: Counter[str] = Counter()
        for name, shape in self.shapes.items():
            held[self.types[name]] += prod(shape)
        return held.most_common(1)[0][0]

    @property
    def blocks(self) -> int | None:
        """Blocks that answer; those behind them only guess further tokens ahead."""
        arch = self.metadata.get("general.architecture")
        count = self.metadata.get(f"{arch}.block_count")
        return count - self.blocks_ahead if isinstance(count, int) else None

    @property
    def blocks_ahead(self) -> int:
        """Blocks at the end that only guess further tokens ahead. Some files state them and neither
        count nor hold them: their last block answers like the others."""
        arch = self.metadata.get("general.architecture")
        stated = self.metadata.get(f"{arch}.nextn_predict_layers", 0)
        last = f"blk.{self.metadata.get(f'{arch}.block_count', 0) - 1}."
        answers = any(name.startswith(last) for name in self.shapes)
        guesses = any(".nextn." in name for name in self.shapes)
        return 0 if answers and not guesses else int(stated)

    @property
    def recurrent(self) -> bool:
        """Whether layers keep a running state (state space, RWKV, convolution)."""
        return any(_RECURRENT.search(name) for name in self.shapes)
