"""The smallest experiment distil-vs-vanilla."""

TINY = """
task:
  reasoning_gym: gcd
  fewshot: 0
  max_tokens: 4
  params: {min_numbers: 2, max_numbers: 2, min_value: 1, max_value: 30}
tokenizer: 300
teacher:
  shape: {layers: 1, hidden: 32, heads: 2, ffn: 64}
  questions: 320
  epochs: 3
  learning_rate: 0.02
student: {layers: 1, hidden: 16, heads: 2, ffn: 32}
budgets: [16, 48]
seeds: [0]
arms: [vanilla, sequence-level, logit]
held_out: 12
batch_size: 16
learning_rate: 0.01
"""
