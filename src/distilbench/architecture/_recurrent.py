"""Layers that keep a state of fixed size: linear attention, state spaces, short convolutions.

Counted for a token: the products with weights, the products that update the state and read it
(two FLOPs a multiply-add, as one step of the recurrence, whatever form a kernel computes it in),
and the short convolution (2 FLOPs a filter weight). Not counted, as for attention: what is linear
in the width, as gates, decay of the state, norms, activations. A parallel scan or a chunked kernel
executes more than the recurrence; that is work of an implementation, not of the model.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from distilbench.architecture._part import Part


class LinearAttention(Part):
    """Linear attention: every value head keeps a matrix of key width x value width.

    ``delta`` (gated delta rule, arXiv 2412.06464): read what the key holds, write the difference,
    read by the query: three products with the matrix. Without: write and read, two. Weights:
    queries, keys, values and output; gates are in ``matrices``.
    """

    kind: Literal["linear_attention"] = "linear_attention"
    key_heads: int = Field(gt=0)
    value_heads: int = Field(gt=0)
    key_dim: int = Field(gt=0)
    value_dim: int = Field(gt=0)
    kernel: int = Field(0, ge=0, description="width of the convolution before; 0: none")
    delta: bool = True

    def weights(self, hidden: int) -> int:
        return hidden * (self._channels + self.value_heads * self.value_dim) + self.matrices

    @property
    def state_flops(self) -> int:
        matrix = self.value_heads * self.key_dim * self.value_dim
        return 2 * matrix * (3 if self.delta else 2) + 2 * self.filters

    @property
    def filters(self) -> int:
        return self.kernel * self._channels

    @property
    def state_size(self) -> int:
        held = self.value_heads * self.key_dim * self.value_dim
        return held + max(0, self.kernel - 1) * self._channels

    @property
    def _channels(self) -> int:
        """Widths of queries, keys and values together."""
        return 2 * self.key_heads * self.key_dim + self.value_heads * self.value_dim


class Mamba(Part):
    """Selective state space of Mamba 1 (arXiv 2312.00752): ``inner`` channels x ``state`` numbers.

    A (inner x state), D and the bias of the step are weights of the kind itself.
    """

    kind: Literal["mamba"] = "mamba"
    inner: int = Field(gt=0)
    state: int = Field(gt=0)
    step_rank: int = Field(gt=0, description="rank of the step's projection")
    kernel: int = Field(gt=0)

    def weights(self, hidden: int) -> int:
        selection = self.inner * (self.step_rank + 2 * self.state) + self.step_rank * self.inner
        return 3 * hidden * self.inner + selection + self.matrices

    def params(self, hidden: int) -> int:
        return super().params(hidden) + self.inner * (self.state + 2)

    @property
    def state_flops(self) -> int:
        return 4 * self.inner * self.state + 2 * self.filters

    @property
    def filters(self) -> int:
        return self.kernel * self.inner

    @property
    def state_size(self) -> int:
        return self.inner * (self.state + self.kernel - 1)


class Mamba2(Part):
    """State space of Mamba 2 (arXiv 2405.21060): every head keeps head_dim x ``state`` numbers;
    the two vectors that write and read it are shared by the heads of a group.

    A, D and the bias of the step, one number each a head, are weights of the kind itself.
    """

    kind: Literal["mamba2"] = "mamba2"
    heads: int = Field(gt=0)
    head_dim: int = Field(gt=0)
    state: int = Field(gt=0)
    groups: int = Field(gt=0)
    kernel: int = Field(gt=0)

    def weights(self, hidden: int) -> int:
        made = self._inner + self._channels + self.heads
        return hidden * (made + self._inner) + self.matrices

    def params(self, hidden: int) -> int:
        return super().params(hidden) + 3 * self.heads

    @property
    def state_flops(self) -> int:
        return 4 * self._inner * self.state + 2 * self.filters

    @property
    def filters(self) -> int:
        return self.kernel * self._channels

    @property
    def state_size(self) -> int:
        return self._inner * self.state + (self.kernel - 1) * self._channels

    @property
    def _inner(self) -> int:
        return self.heads * self.head_dim

    @property
    def _channels(self) -> int:
        """Width of the convolution: the input, and what writes and reads the state."""
        return self._inner + 2 * self.groups * self.state


class Convolved(Part):
    """A convolution over the last ``kernel`` values of each of ``width`` channels."""

    width: int = Field(gt=0)
    kernel: int = Field(gt=0)

    @property
    def state_flops(self) -> int:
        return 2 * self.filters

    @property
    def filters(self) -> int:
        return self.kernel * self.width


class GatedRecurrence(Convolved):
    """RG-LRU of Griffin (arXiv 2402.19427): ``width`` channels of one number each, between two
    input matrices and one output matrix; its two gates are made by one small matrix a head."""

    kind: Literal["gated_recurrence"] = "gated_recurrence"
    heads: int = Field(gt=0)

    def weights(self, hidden: int) -> int:
        gates = 2 * self.width * (self.width // self.heads)
        return 3 * hidden * self.width + gates + self.matrices

    @property
    def state_size(self) -> int:
        return self.width * self.kernel


class ShortConvolution(Convolved):
    """Gated short convolution of LFM2 (arXiv 2511.23404): one matrix makes the input and two
    gates, one gives the output."""

    kind: Literal["convolution"] = "convolution"

    def weights(self, hidden: int) -> int:
        return 4 * hidden * self.width + self.matrices

    @property
    def state_size(self) -> int:
        return self.width * (self.kernel - 1)
