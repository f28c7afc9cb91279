"""Holds the objectives: what a student is trained towards, one file each."""
