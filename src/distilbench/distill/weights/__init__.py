"""Holds models in transformers: loaded from wherever distilbench finds them, made smaller or anew
as students, written as GGUF. Imports ``recipe``.
"""

from distilbench.distill.weights._budget import Candidate, candidates, kept_share, params
from distilbench.distill.weights._exportable import check_export
from distilbench.distill.weights._gguf_export import export_gguf, gguf_kind
from distilbench.distill.weights._importance import Importance, by_influence
from distilbench.distill.weights._loading import quiet_loading
from distilbench.distill.weights._models import (
    Loaded,
    device,
    load,
    parent_of,
    prepare,
    same_tokens,
    start_student,
    token_rows,
)
from distilbench.distill.weights._shrinking import importance_of, make_smaller

__all__ = [
    "Candidate",
    "Importance",
    "Loaded",
    "by_influence",
    "candidates",
    "check_export",
    "device",
    "export_gguf",
    "gguf_kind",
    "importance_of",
    "kept_share",
    "load",
    "make_smaller",
    "params",
    "parent_of",
    "prepare",
    "quiet_loading",
    "same_tokens",
    "start_student",
    "token_rows",
]
