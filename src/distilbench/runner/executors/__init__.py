"""Holds the executors, each a class in a file of its own, found by being here. They import
``runner._executor`` and what other packages' executors may."""
