"""A run that failed for another reason than its input."""

import logging
from pathlib import Path

from schema.errors import InputError


class ComponentFailed(RuntimeError):
    """One line: which component, and why; and where the log is."""


def explained(error: Exception, component: str, log: Path) -> Exception:
    """The InputError behind an exception, or a ComponentFailed, whose traceback goes to the log.

    Args:
        error: What ended the component.
        component: Its id.
        log: Where libraries write to.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InputError):
            return InputError(str(cause))
        cause = cause.__cause__ or cause.__context__
    logging.getLogger(__name__).info("run failed", exc_info=error)
    lines = str(error).strip().splitlines() or [""]
    return ComponentFailed(f"{component} failed: {type(error).__name__}: {lines[-1]}; see {log}")
