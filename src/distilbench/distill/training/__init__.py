"""Holds the training of one student with TRL, metered step by step, in one process or several.
Imports all of ``distill`` but ``experiment``.
"""
