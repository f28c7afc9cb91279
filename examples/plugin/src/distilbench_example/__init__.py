"""Adds one of everything to distilbench, each by one file and one entry point."""
