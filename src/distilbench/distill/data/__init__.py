"""Holds what a student is trained and judged on: questions of a task or plain text, as examples of
tokens and as padded batches. Imports ``recipe``.
"""
