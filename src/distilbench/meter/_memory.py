"""Peak resident memory and CPU time of a process."""

from __future__ import annotations

import sys
from pathlib import Path


def peak_memory_bytes(pid: int) -> int | None:
    """Largest resident set of process ``pid`` since its start, or since the last reset.

    Pages of a mapped model file count. From VmHWM on Linux, the peak working set on Windows; null
    where the system keeps no peak of another process (macOS).
    """
    status = Path(f"/proc/{pid}/status")
    try:
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process(pid).memory_info().peak_wset)
    return None


def reset_peak_memory(pid: int) -> bool:
    """Start a new peak of process ``pid``, where the system can (Linux). False: it stays."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def cpu_seconds(pid: int | None) -> float:
    """CPU time that process ``pid`` has used, in user and system mode; 0 if there is none."""
    import psutil

    if pid is None:
        return 0.0
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)
