"""Sets the power limit of the hardware for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

POWERCAP = Path("/sys/class/powercap")
_MICRO = 1e6


@contextlib.contextmanager
def power_cap(
    watts: float | None, gpu_index: int | None, root: Path = POWERCAP
) -> Iterator[str | None]:
    """Limit the GPU's power (through Zeus), or the CPU packages' (RAPL's long-term constraint,
    shared equally among packages), and restore the old limit afterwards. Both need root.

    Gives the sentence that says whether it is enforced, or null if ``watts`` is.
    """
    if watts is None:
        yield None
        return
    with contextlib.ExitStack() as restore:
        try:
            if gpu_index is not None:
                _cap_gpu(watts, gpu_index, restore)
                said = f"power {watts:g} W by the limit of GPU {gpu_index}"
            else:
                _cap_cpu(watts, root, restore)
                said = f"power {watts:g} W by RAPL's constraint"
        except (OSError, RuntimeError, ImportError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            said = f"power {watts:g} W not enforced: {reason}"
        yield said


def _cap_cpu(watts: float, root: Path, restore: contextlib.ExitStack) -> None:
    packages = sorted(root.glob("intel-rapl:[0-9]"))
    if not packages:
        raise OSError("this machine has no RAPL constraint")
    for package in packages:
        limit = package / "constraint_0_power_limit_uw"
        before = limit.read_text()
        limit.write_text(str(round(watts / len(packages) * _MICRO)))
        restore.callback(limit.write_text, before)


def _cap_gpu(watts: float, index: int, restore: contextlib.ExitStack) -> None:
    from zeus.device.gpu import get_gpus
    from zeus.exception import ZeusBaseError

    try:
        gpu = get_gpus().gpus[index]
        gpu.set_power_management_limit(round(watts * 1e3))
        restore.callback(gpu.reset_power_management_limit)
    except (ZeusBaseError, IndexError) as error:
        raise RuntimeError(str(error)) from error
