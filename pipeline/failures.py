"""A run that failed for another reason than its input."""


class ComponentFailed(RuntimeError):
    """One line: which component, and why; and where the log is."""
