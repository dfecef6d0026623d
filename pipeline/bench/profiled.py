"""Where the time of a call goes, over all of its threads."""

import cProfile
import re
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from pipeline.bench.measured import in_its_own_process

# Of the libraries, and of Python's own.
_FOLDERS = re.compile(r".*/(site-packages|python3\.\d+)/")
_ROOT = f"{Path(__file__).parents[2]}/"
# A thread that waits for another one; the other's time is in the table.
_WAITS = ("'acquire' of", "'__enter__' of '_thread", "SimpleQueue", "time.sleep", "poll")


def profile(prepare: Callable[..., Callable[[], None]], *arguments: object) -> list[tuple[float, str]]:
    """Runs what `prepare` gives in a fresh process under cProfile, which makes Python calls slower than they are.

    Args:
        prepare: Importable; imports and makes ready, outside of the profiled time.
        arguments: Of `prepare`.

    Returns:
        The 20 functions with the most seconds in themselves, the calls that they make left out; and those seconds.
    """
    return in_its_own_process(_profile, prepare, arguments)


def _profile(prepare: Callable[..., Callable[[], None]], arguments: tuple[object, ...]) -> list[tuple[float, str]]:
    call = prepare(*arguments)
    profiles = [cProfile.Profile()]

    def profile_thread(*_: object) -> None:
        # cProfile sees one thread only, and Beam works in others.
        profiles.append(cProfile.Profile())
        profiles[-1].enable()

    threading.setprofile(profile_thread)
    profiles[0].runcall(call)
    threading.setprofile(None)
    seconds: Counter[str] = Counter()
    for one in profiles:
        one.create_stats()
        for function, (_, _, own_seconds, *_) in one.stats.items():
            seconds[_name(*function)] += own_seconds
    ranked = ((own, name) for name, own in seconds.most_common() if not any(wait in name for wait in _WAITS))
    return [row for row, _ in zip(ranked, range(20), strict=False)]


def _name(path: str, _: int, function: str) -> str:
    if path == "~":
        return function  # not of Python, as `<built-in method …>`
    return f"{_FOLDERS.sub('', path).removeprefix(_ROOT)}:{function}"
