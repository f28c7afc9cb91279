"""The suite file: which models answer which tasks under which profiles, validated.

Holds the pydantic models of ``suite.yaml``, its reader, which turns every mistake into one
sentence, its JSON Schema for editors, the suites that come with the package (``suites/*.yaml``) and
the limits of real devices (``devices.yaml``). Imports ``tasks`` (the task specifications, which are
data), ``architecture`` (the names of quantizations) and ``errors``.
"""

from distilbench.suite._changes import UNCHANGED, Changes
from distilbench.suite._load import (
    GivenSuite,
    SuiteLike,
    json_schema,
    load_suite,
    packaged_suite,
    read_suite,
)
from distilbench.suite._profile import GPU, Device, Profile, devices
from distilbench.suite._suite import Generation, Limits, Model, Price, Suite

__all__ = [
    "GPU",
    "UNCHANGED",
    "Changes",
    "Device",
    "Generation",
    "GivenSuite",
    "Limits",
    "Model",
    "Price",
    "Profile",
    "Suite",
    "SuiteLike",
    "devices",
    "json_schema",
    "load_suite",
    "packaged_suite",
    "read_suite",
]
