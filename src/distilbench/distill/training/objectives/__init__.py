"""Holds the objectives that come with the package: one class in one file each. A file more is an
objective more; nobody lists them.
"""
