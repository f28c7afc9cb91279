"""Makes distilled students, and meters every stage of it.

Imports ``meter``, ``compute``, ``catalog``, ``tasks``, ``engines``, ``architecture``, ``records``
and ``errors``; nobody but ``cli`` imports it. torch, transformers and TRL are imported inside
functions only: the core does not need them (``pip install 'distilbench[distill]'``).
"""
