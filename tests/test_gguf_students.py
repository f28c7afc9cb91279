"""Students as people have them, from a recipe to ``distilbench run``: the run's answers are
transformers' greedy ones in 10 of 10 questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from distilbench.distill import load_recipe, run_recipe
from distilbench.engines import few_shot_prompt
from distilbench.runner import load_cells, run_suite
from distilbench.transcripts import read_transcripts
from tests.test_gguf_architectures import WINDOW, small
from tests.tiny_models import tiny_sentencepiece, tiny_tokenizer

torch = pytest.importorskip("torch")
ANSWER_TOKENS = 12
TASK = {"file": "sums.jsonl", "name": "sums", "max_tokens": ANSWER_TOKENS}
SHAPES = {
    "qwen3": {"layers": 4, "head_dim": 16, "tie_word_embeddings": True},
    # A window of 16 tokens, shorter than a question; of 12 layers the first six are kept.
    "gemma3_text": {**WINDOW, "layers": 12},
}


def own_tokenizer(kind: str) -> Any:
    """As the family has it, of a few hundred tokens."""
    import json

    from transformers import GemmaTokenizer, Qwen2Tokenizer

    made = tiny_sentencepiece("gemma") if kind == "gemma3_text" else tiny_tokenizer()
    model = json.loads(made.backend_tokenizer.to_str())["model"]
    merges = [(left, right) for left, right in model["merges"]]
    if kind == "gemma3_text":
        ids = {**model["vocab"], "<pad>": 0, "<bos>": 1, "<eos>": 2, "<mask>": 3}
        ids = {token: i for token, i in ids.items() if token not in ("<s>", "</s>", "<|user|>")}
        return GemmaTokenizer(vocab={**ids, "<unk>": len(ids) + 9}, merges=merges)
    ids = {token: i for token, i in model["vocab"].items() if i > 1}
    made = Qwen2Tokenizer(vocab={**ids, "<|endoftext|>": 0, "<|im_end|>": 1}, merges=merges)
    made.add_special_tokens({"additional_special_tokens": ["<|im_end|>"]})
    return made


def base(kind: str, folder: Path) -> None:
    tokenizer = own_tokenizer(kind)
    rows = max(tokenizer.get_vocab().values()) + 1
    ends = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    model = small(
        kind, vocab_size=rows + 5, **ends, pad_token_id=tokenizer.pad_token_id, **SHAPES[kind]
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["qwen3", "gemma3_text"])
def test_from_recipe_to_run(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTILBENCH_CACHE", str(tmp_path / "cache"))
    torch.set_num_threads(1)
    base(kind, tmp_path / "base")
    lines = (f'{{"question": "{i} + {i % 7} = ?", "answer": "{i + i % 7}"}}\n' for i in range(60))
    (tmp_path / "sums.jsonl").write_text("".join(lines))
    recipe = {
        "method": "sft",
        "student": {
            "model": "base",
            "keep_layers": [0, 1, 2, 3] if kind == "qwen3" else [*range(6)],
        },
        "data": {"task": {**TASK, "file": str(tmp_path / "sums.jsonl")}, "questions": 40},
        "held_out": {"questions": 10, "accuracy": False},
        "training": {"max_steps": 240, "batch_size": 8, "learning_rate": 0.003, "max_length": 64},
        "export": ["f32", "f16"],
    }
    (tmp_path / "student.yaml").write_text(yaml.safe_dump(recipe))
    made = run_recipe(load_recipe(tmp_path / "student.yaml"), tmp_path, tmp_path / "students")
    suite = {
        "name": "t",
        "models": [str(made.student_dir / f"student-{kind_}.gguf") for kind_ in ("f32", "f16")],
        "tasks": [{**TASK, "questions": 10}],
        "profiles": [{"slots": 1, "context": 128, "threads": 1}],
    }
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(suite))
    done = run_suite(tmp_path / "suite.yaml", tmp_path / "runs")
    assert done.complete, done.failed
    for cell in load_cells(done.run_dir):
        told = list(read_transcripts(done.run_dir, cell.name))
        assert len(told) == 10
        right = [answer(made.student_dir, one) == one.said[0].text for one in told]
        assert sum(right) == 10, [(answer(made.student_dir, one), one.said[0].text) for one in told]


def answer(folder: Path, told: Any) -> str:
    """What transformers says greedily to the same prompt, up to its end token."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    prompt = few_shot_prompt([{"role": m.role, "content": m.text} for m in told.prompt])
    ids = tokenizer(prompt, return_tensors="pt")
    with torch.no_grad():
        made = model.generate(**ids, max_new_tokens=ANSWER_TOKENS, do_sample=False)
    text: str = tokenizer.decode(made[0, ids["input_ids"].shape[1] :], skip_special_tokens=True)
    return text.split("\nQuestion:")[0]
