"""Holds models in transformers: loaded from wherever distilbench finds them, made smaller or anew
as students, written as GGUF. Imports ``recipe``.
"""

from distilbench.distill.weights._exportable import check_export
from distilbench.distill.weights._gguf_export import export_gguf
from distilbench.distill.weights._loading import quiet_loading
from distilbench.distill.weights._models import (
    Loaded,
    device,
    load,
    prepare,
    same_tokens,
    start_student,
    token_rows,
)

__all__ = [
    "Loaded",
    "check_export",
    "device",
    "export_gguf",
    "load",
    "prepare",
    "quiet_loading",
    "same_tokens",
    "start_student",
    "token_rows",
]
