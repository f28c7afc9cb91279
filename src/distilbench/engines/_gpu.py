"""The GPUs that the installed llama.cpp can use."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import NamedTuple

from distilbench.errors import InputError

_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES")
# nvidia-smi's numbering; CUDA's own begins with the fastest.
_ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
_ASK = (
    "import json, xllamacpp as x; gpu = x.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU; "
    "print(json.dumps([[d['description'] or d['name'], d['memory_total']]"
    " for d in x.get_device_info() if d['type'] == gpu]))"
)


class GpuDevice(NamedTuple):
    """A GPU as llama.cpp sees it."""

    name: str
    memory_bytes: int


def gpu_devices() -> list[GpuDevice]:
    """GPUs of this machine that xllamacpp's wheel was built for, in the order of ``nvidia-smi``.
    Empty with the CPU wheel, whatever the machine has.

    Asked in a process of its own: a process that has asked keeps some of each GPU's memory.
    """
    environment = {**os.environ, **_ORDER}
    asked = subprocess.run(
        [sys.executable, "-c", _ASK], capture_output=True, text=True, env=environment, check=True
    )
    return [GpuDevice(*device) for device in json.loads(asked.stdout.splitlines()[-1])]


def memory_of(
    devices: Sequence[GpuDevice], index: int, where: str, seen_by: str, remedy: str
) -> int:
    """Memory of the GPU ``index`` in bytes. Raises ``InputError`` naming ``where`` if ``seen_by``
    sees no such GPU."""
    if index >= len(devices):
        seen = ", ".join(device.name for device in devices) or "none"
        raise InputError(where, f"asks for GPU {index}, and {seen_by} sees {seen}", remedy)
    return devices[index].memory_bytes


def gpu_environment(index: int | None) -> dict[str, str]:
    """Environment of a process that is to see one GPU alone, or none.

    ``index`` counts the GPUs that this process may see: where a scheduler has given it some of the
    machine's, it is the place in that list.
    """
    return {name: _chosen(os.environ.get(name), index) for name in _VISIBLE} | _ORDER


def _chosen(visible: str | None, index: int | None) -> str:
    if index is None:
        return ""
    listed = [entry.strip() for entry in visible.split(",")] if visible else []
    return listed[index] if index < len(listed) else str(index)
