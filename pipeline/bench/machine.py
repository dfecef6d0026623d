"""What a benchmark ran on."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

_PACKAGES = ("tensorflow", "tfx", "apache-beam", "pyarrow", "numpy")


def machine() -> dict[str, str]:
    """Processor, cores, operating system and versions, by name."""
    return {
        "processor": _processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "system": platform.platform(),
        "python": platform.python_version(),
        **{package: version(package) for package in _PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
