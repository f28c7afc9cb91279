"""Holds the engines, each a class in a file whose name is the scheme of the sources that it runs.
What distilbench finds itself, on this machine, the hub or in a package, is a ``file``. They import
their own room and what it may."""
