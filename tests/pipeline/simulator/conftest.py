"""A simulation that is stopped."""

from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.simulator import simulate as simulator


@pytest.fixture
def interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stops it when its first split is drawn."""
    stream = simulator.simulate_split

    def stopped(*arguments: Any) -> Iterator[Any]:
        yield from stream(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(simulator, "simulate_split", stopped)
