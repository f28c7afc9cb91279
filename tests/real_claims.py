"""The claims checked on the packaged catalog, once for all tests of a process."""

from __future__ import annotations

from functools import cache

from distilbench.catalog import load_catalog
from distilbench.claims import Claims, check_claims


@cache
def real_claims() -> Claims:
    return check_claims(load_catalog(), draws=2000, seed=0)
