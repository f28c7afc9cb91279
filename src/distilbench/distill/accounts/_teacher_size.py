"""The size of a teacher whose weights are not here, for the FLOPs of what it does."""

from __future__ import annotations

from dataclasses import dataclass

from distilbench.architecture import ModelShape
from distilbench.catalog import load_catalog
from distilbench.compute import Quantity, active_parameters
from distilbench.distill.accounts._counting import forward_flops
from distilbench.meter import inference_flops


@dataclass(frozen=True)
class TeacherSize:
    """By its shape, else by its number of parameters (those that a token passes through), else not
    known. ``low`` and ``high``: where that number is estimated. ``note``: where it is from."""

    shape: ModelShape | None = None
    parameters: float | None = None
    low: float | None = None
    high: float | None = None
    note: str = "by the model's shape"

    def answering(self, read: int, written: int) -> float | None:
        """FLOPs of reading a prompt and writing an answer; null: the size is not known. Of a number
        of parameters 2 N for each token (Kaplan et al. 2020, section 2.1), attention left out."""
        if self.shape is not None:
            flops = inference_flops(self.shape, read, written)
            return flops.prefill + flops.decode
        return self._by_parameters(read + max(0, written - 1))

    def scoring(self, length: int) -> float | None:
        """FLOPs of a forward pass over a text with the logits of every position."""
        if self.shape is not None:
            return forward_flops(self.shape, 1, length)
        return self._by_parameters(length)

    @property
    def active_parameters(self) -> float:
        """Zero: not known."""
        return float(self.shape.active_params) if self.shape else self.parameters or 0.0

    def _by_parameters(self, tokens: int) -> float | None:
        return None if self.parameters is None else 2.0 * self.parameters * tokens


def stated_size(card_id: str | None, parameters: float | None) -> TeacherSize:
    """As the recipe states it (``parameters``), else the teacher's card in the catalog."""
    if parameters is not None:
        note = f"2 N a token, attention left out; N = {parameters:.4g} as the recipe states"
        return TeacherSize(parameters=parameters, note=note)
    if card_id is None:
        return TeacherSize()
    card = load_catalog().card(card_id)
    if card.architecture is not None:
        return TeacherSize(card.architecture.shape, note=f"by the shape on card {card.id}")
    found = active_parameters(card)
    if not isinstance(found, Quantity):
        return TeacherSize()
    note = f"2 N a token, attention left out; N = {found.central:.4g} from card {card.id}"
    estimated = [given for given in found.unknowns if given.kind == "estimated"]
    if not estimated:
        return TeacherSize(parameters=found.central, note=note)
    low, high = estimated[0].low, estimated[0].high
    return TeacherSize(None, found.central, low, high, f"{note}, which estimates it")
