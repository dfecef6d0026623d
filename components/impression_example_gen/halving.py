"""Doing at once what fails for some, and finding out for which."""

from collections.abc import Callable
from typing import TypeVar

_Result = TypeVar("_Result")


def halve(
    count: int, attempt: Callable[[int, int], _Result], failures: tuple[type[Exception], ...]
) -> tuple[list[tuple[int, int, _Result]], dict[int, Exception]]:
    """Tries a range, halving again and again what fails, down to the single items that do.

    Args:
        count: Number of items.
        attempt: Takes the begin and the end of a range.
        failures: What it raises if it fails for one of them.

    Returns:
        (begin, end, result) of each range that went well, in order; and the failures of the others, by index.
    """
    done: list[tuple[int, int, _Result]] = []
    failed: dict[int, Exception] = {}
    pending = [(0, count)] if count else []
    while pending:
        start, end = pending.pop()
        try:
            done.append((start, end, attempt(start, end)))
        except failures as error:
            if end - start == 1:
                failed[start] = error
            else:
                middle = (start + end) // 2
                pending += [(middle, end), (start, middle)]
    return done, failed
