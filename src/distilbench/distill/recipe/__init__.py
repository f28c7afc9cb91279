"""Holds the recipe file: its schema, its reading, the recipes that come with the package and their
configuration of accelerate. Imports no other room of ``distill``; torch neither.
"""
