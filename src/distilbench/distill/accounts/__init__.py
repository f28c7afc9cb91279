"""Holds what each stage of making a student took, and what it would take: the records of attempts,
FLOPs counted and by formula, the card, the plan. Imports ``recipe``.
"""
