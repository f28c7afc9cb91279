"""A tokenizer and a model that are made in a moment."""

from __future__ import annotations

from typing import Any

WORDS = "the cat sat on a mat ; 1 + 2 = 3 , 10 + 20 = 30 . a quick brown fox jumps over it\n"


def tiny_tokenizer(vocab: int = 320) -> Any:
    """Byte-level BPE with digits apart, trained on a sentence."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab,
        special_tokens=["<|end|>", "<|start|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator([WORDS], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token="<|end|>", pad_token="<|end|>", bos_token="<|start|>"
    )


def tiny_llama(tokenizer: Any, seed: int = 0) -> Any:
    """A Llama of four layers, four query heads and two key heads, weights at random."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        tie_word_embeddings=True,
        initializer_range=0.2,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    torch.manual_seed(seed)
    return LlamaForCausalLM(config).eval()


def tiny_sentencepiece(spacing: str, vocab: int = 420) -> Any:
    """The BPE of SentencePiece as transformers has it: bytes for what is in no token, every merge
    of two tokens to a third. ``spacing``: how a space is put before a text, as tokenizer.json says
    it (legacy, first, always), or gemma, which puts none."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    named = ["<unk>", "<s>", "</s>", "<|user|>"]
    bytes_ = [f"<0x{i:02X}>" for i in range(256)]
    learning = Tokenizer(models.BPE())
    learning.pre_tokenizer = pre_tokenizers.Metaspace()
    learning.train_from_iterator([WORDS], trainers.BpeTrainer(vocab_size=vocab - 260))
    words = sorted(learning.get_vocab(), key=learning.get_vocab().__getitem__)
    ids = {token: i for i, token in enumerate([*named, *bytes_, *words])}
    pairs = [
        (word[:cut], word[cut:])
        for word in words
        for cut in range(1, len(word))
        if word[:cut] in ids and word[cut:] in ids
    ]
    made = Tokenizer(models.BPE(ids, pairs, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    replace = normalizers.Replace(" ", "▁")
    if spacing == "legacy":
        made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), replace])
    elif spacing == "gemma":
        made.normalizer = replace
    else:
        made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=spacing, split=False)
    made.decoder = learning_decoder()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, unk_token="<unk>", bos_token="<s>", eos_token="</s>",
        additional_special_tokens=["<|user|>"],
    )  # fmt: skip


def learning_decoder() -> Any:
    from tokenizers import decoders

    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)])
