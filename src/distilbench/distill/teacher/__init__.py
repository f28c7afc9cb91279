"""Holds the teacher: where it is, what generates its answers, its logits, and the cache of both.
Imports ``recipe``, ``data``, ``weights`` and ``accounts``.
"""
