"""Every causal language model class of the installed transformers, built small."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
import transformers
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

CLASSES: dict[str, str] = dict(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES)

# Numbers that differ from one another where they can, under all the names that classes have.
SMALL: dict[str, Any] = {
    "hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 24,
    "num_hidden_layers": 4, "intermediate_size": 112, "vocab_size": 96,
    "max_position_embeddings": 128, "sliding_window": 16,
    "n_embd": 64, "n_layer": 4, "n_head": 4, "n_positions": 128, "d_model": 64, "n_heads": 4,
    "n_layers": 4, "ffn_dim": 112, "num_heads": 4, "num_layers": 4,
    "num_experts": 6, "num_local_experts": 6, "n_routed_experts": 6, "num_experts_per_tok": 2,
    "moe_intermediate_size": 40, "shared_expert_intermediate_size": 56, "n_shared_experts": 1,
    "num_shared_experts": 1, "shared_intermediate_size": 48, "moe_num_experts": 6, "moe_k": 2,
    "intermediate_size_mlp": 88, "n_group": 1, "topk_group": 1, "first_k_dense_replace": 1,
    "num_dense_layers": 1, "moe_shared_expert_intermediate_size": 56,
    "kv_lora_rank": 16, "q_lora_rank": 20, "qk_rope_head_dim": 8, "qk_nope_head_dim": 12,
    "v_head_dim": 10, "index_head_dim": 16, "index_n_heads": 3, "index_topk": 64,
    "linear_key_head_dim": 12, "linear_value_head_dim": 14, "linear_num_key_heads": 2,
    "linear_num_value_heads": 4, "linear_head_dim": 12, "linear_num_heads": 3,
    "mamba_n_heads": 8, "mamba_d_head": 16, "mamba_d_state": 16, "mamba_num_heads": 8,
    "mamba_head_dim": 16, "ssm_state_size": 16, "state_size": 16, "mamba_dt_rank": 6,
    "hidden_size_per_layer_input": 12, "vocab_size_per_layer_input": 90, "laurel_rank": 6,
    "lru_width": 80, "attention_chunk_size": 64,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip

OTHER: dict[str, Any] = {
    "intermediate_size": 72, "ffn_dim": 72, "moe_intermediate_size": 24, "vocab_size": 130,
    "num_key_value_heads": 1, "num_experts": 5, "num_local_experts": 5, "n_routed_experts": 5,
    "num_experts_per_tok": 3, "moe_num_experts": 5, "moe_k": 3, "n_shared_experts": 2,
    "num_shared_experts": 2, "shared_expert_intermediate_size": 32, "kv_lora_rank": 24,
    "q_lora_rank": None, "linear_key_head_dim": 16, "linear_value_head_dim": 8,
    "linear_num_value_heads": 6, "mamba_d_state": 24, "ssm_state_size": 24, "state_size": 24,
    "n_groups": 4, "mamba_n_groups": 4, "conv_kernel": 3, "mamba_d_conv": 3, "conv_L_cache": 5,
    "laurel_rank": 10, "hidden_size_per_layer_input": 20, "intermediate_size_mlp": 40,
    "moe_shared_expert_intermediate_size": 32, "index_head_dim": 24, "index_n_heads": 2,
}  # fmt: skip
"""Another value for many of these, all at once."""

_HYBRID = ["linear_attention", "full_attention"] * 2
_EVEN_HEADS = {"num_key_value_heads": 4}

NEED_QUERY_RANK = {"deepseek_v32", "glm_moe_dsa"}

OVERRIDES: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 3]},
    "codegen": {"rotary_dim": 8},
    "deepseek_v2": _EVEN_HEADS,
    "deepseek_v3": _EVEN_HEADS,
    "deepseek_v32": _EVEN_HEADS,
    "falcon_h1": {"mamba_d_ssm": 128},
    "gemma3n_text": {"num_hidden_layers": 6, "num_kv_shared_layers": 0},
    "glm4_moe_lite": _EVEN_HEADS,
    "gpt_neo": {"attention_types": [[["global", "local"], 2]], "window_size": 16},
    "gptj": {"rotary_dim": 8},
    "granitemoehybrid": {"layer_types": _HYBRID},
    "helium": {"head_dim": 16},
    "glm_moe_dsa": _EVEN_HEADS,
    "minicpm3": _EVEN_HEADS,
    "sarvam_mla": _EVEN_HEADS,
    "jamba": {"attn_layer_period": 4, "attn_layer_offset": 2},
    "kimi_linear": {"layer_types": _HYBRID} | _EVEN_HEADS,
    "lfm2": {"full_attn_idxs": [1, 3]},
    "lfm2_moe": {"layer_types": ["conv", "full_attention", "conv", "full_attention"]},
    "mamba2": {"num_heads": 8, "head_dim": 16},
    "minimax": {"sliding_window": None},
    "recurrent_gemma": {"attention_window_size": 16, "lru_width": 64},
    "youtu": _EVEN_HEADS,
}
"""What a class needs beyond :data:`SMALL`, or another reading of one of its names."""


def config_of(model_type: str, **changed: Any) -> Any:
    """A small configuration of a type, some settings changed."""
    kind = CONFIG_MAPPING[model_type]
    declared = {field.name for field in dataclasses.fields(kind)}
    settings = {name: value for name, value in SMALL.items() if name in declared}
    settings |= OVERRIDES.get(model_type, {}) | changed
    return kind(**settings)


def other_config_of(model_type: str) -> Any:
    """A second one that differs from it in most numbers."""
    usual = config_of(model_type).to_dict()
    own = OVERRIDES.get(model_type, {})
    changed = {name: value for name, value in OTHER.items() if name in usual and name not in own}
    if usual.get("q_lora_rank") and model_type in NEED_QUERY_RANK:
        changed["q_lora_rank"] = 28
    return config_of(model_type, **changed)


def build(model_type: str, config: Any, device: str = "meta") -> Any:
    """The model of a configuration, attention and experts in plain products."""
    config._attn_implementation = config._experts_implementation = "eager"
    torch.manual_seed(0)
    with torch.device(device):
        return getattr(transformers, CLASSES[model_type])(config).eval()


_REASONS = {
    "encoder, or half of an encoder-decoder": """
        bart bert bert-generation big_bird bigbird_pegasus blenderbot blenderbot-small
        camembert cohere_compass_text data2vec-text electra ernie marian mbart
        megatron-bert mvp pegasus plbart prophetnet rembert roberta roberta-prelayernorm
        roc_bert roformer trocr whisper xlm xlm-roberta xlm-roberta-xl xlnet xmod
    """,
    "sees, hears or sings, its text model of a type of its own": """
        aria_text dots3_note emu3 fuyu git got_ocr2 minimax_m3_vl_text mllama moshi
        moss_transcribe_diarize musicgen musicgen_melody phi4_multimodal
    """,
    "recurrence or attention of another kind": """
        blt deepseek_v4 diffllama longcat_flash mimo_v2_flash reformer rwkv xlstm zamba
        zamba2 zaya
    """,
    "helper of another model": """
        gemma4_assistant gemma4_unified_assistant
    """,
    "no reader yet": """
        axk1 axk2 bailing_hybrid beam cohere2_moe cpmant ctrl dbrx doge dory
        dots3_note_text flint gemma4_unified gemma4_unified_text gpt_neox_japanese
        hrm_text hy_v4 inkling2_loop_text inkling2_text inkling_text jetmoe kolibri1
        laguna lara_mini mellum modernbert-decoder qwen4_exp qwen4_exp_text
    """,
}
REFUSED: dict[str, str] = {
    kind: reason for reason, kinds in _REASONS.items() for kind in kinds.split()
}
"""Types that are refused, and why no reader was written."""
