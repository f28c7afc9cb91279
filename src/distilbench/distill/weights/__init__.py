"""Holds models in transformers: loaded from wherever distilbench finds them, made smaller or anew
as students, written as GGUF. Imports ``recipe``.
"""
