"""The GPUs that the installed llama.cpp can use."""

from __future__ import annotations

from typing import NamedTuple


class GpuDevice(NamedTuple):
    """A GPU as llama.cpp sees it."""

    name: str
    memory_bytes: int


def gpu_devices() -> list[GpuDevice]:
    """GPUs of this machine that xllamacpp's wheel was built for, in llama.cpp's order. Empty with
    the CPU wheel, whatever the machine has."""
    import xllamacpp

    kind = xllamacpp.ggml_backend_dev_type.GGML_BACKEND_DEVICE_TYPE_GPU
    return [
        GpuDevice(device["description"] or device["name"], device["memory_total"])
        for device in xllamacpp.get_device_info()
        if device["type"] == kind
    ]
