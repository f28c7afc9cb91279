"""Holds runs: of one recipe, from teacher to card, and of the experiment distil-vs-vanilla. Imports
all other rooms of ``distill``; none of them imports it.
"""
