"""What an engine did: time, memory, energy, inference FLOPs, and the machine it did it on.

Holds the :class:`Timing` of one generation, the peak memory of a process, the :class:`EnergyMeter`
(sensors through Zeus, else an estimate from a named TDP), the power cap, the FLOPs of an inference
from the model's own architecture, what a remote API's answer may take (EcoLogits), the description
of the hardware, and what else it was doing meanwhile, and whether heat, power or a quota slowed it.
Imports ``architecture`` and ``errors``.
"""

from distilbench.meter._api_energy import (
    ApiEnergy,
    ApiImpact,
    api_energy,
    api_impact,
    check_api_energy,
)
from distilbench.meter._energy import (
    Energy,
    EnergyMeter,
    apportion,
    asked_within,
    find_meter,
    given_tdp_w,
    known_processor,
    power_w,
)
from distilbench.meter._features import processor_features
from distilbench.meter._flops import InferenceFlops, inference_flops
from distilbench.meter._gpu_processes import GpuUse, gpu_use, has_gpus, other_gpu
from distilbench.meter._hardware import Hardware, describe_hardware, usable_cores
from distilbench.meter._memory import (
    ProcessUsage,
    cpu_seconds,
    peak_memory_bytes,
    read_bytes,
    reset_peak_memory,
)
from distilbench.meter._power_cap import power_cap
from distilbench.meter._processes import ProcessTree, listeners, server_roots
from distilbench.meter._sensors import Counter, counts_all, find_counters, gpu_counters
from distilbench.meter._surroundings import (
    Stretch,
    Surroundings,
    Watch,
    busy_sentence,
    drop_cut_line,
    is_stopped,
    load_average,
    look_now,
    note_stretch,
    read_stretches,
    summarise,
)
from distilbench.meter._throttling import Methods, Reading, ThrottlingSensors, quota_throttled_s
from distilbench.meter._timing import Timing, summed

__all__ = [
    "ApiEnergy",
    "ApiImpact",
    "Counter",
    "Energy",
    "EnergyMeter",
    "GpuUse",
    "Hardware",
    "InferenceFlops",
    "Methods",
    "ProcessTree",
    "ProcessUsage",
    "Reading",
    "Stretch",
    "Surroundings",
    "ThrottlingSensors",
    "Timing",
    "Watch",
    "api_energy",
    "api_impact",
    "apportion",
    "asked_within",
    "busy_sentence",
    "check_api_energy",
    "counts_all",
    "cpu_seconds",
    "describe_hardware",
    "drop_cut_line",
    "find_counters",
    "find_meter",
    "given_tdp_w",
    "gpu_counters",
    "gpu_use",
    "has_gpus",
    "inference_flops",
    "is_stopped",
    "known_processor",
    "listeners",
    "load_average",
    "look_now",
    "note_stretch",
    "other_gpu",
    "peak_memory_bytes",
    "power_cap",
    "power_w",
    "processor_features",
    "quota_throttled_s",
    "read_bytes",
    "read_stretches",
    "reset_peak_memory",
    "server_roots",
    "summarise",
    "summed",
    "usable_cores",
]
