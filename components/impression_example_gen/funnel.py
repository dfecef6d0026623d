"""The rule that holds in every example: a conversion follows a click."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Funnel:
    """Labels of a batch after the rule, and what it did.

    Attributes:
        conversion: int64 [B], 0 or 1; 1 only where `click` is 1.
        dropped: bool [B], True for the rows that the policy leaves out.
        broken: bool [B], True for the rows that came with a conversion but no click.
    """

    conversion: np.ndarray
    dropped: np.ndarray
    broken: np.ndarray


def apply_funnel(click: np.ndarray, conversion: np.ndarray, policy: str) -> Funnel:
    """Applies the policy to conversions without a click.

    Args:
        click: int64 [B], 0 or 1.
        conversion: int64 [B], 0 or 1.
        policy: `drop`, `as_no_conversion` or `error`; the caller makes dead letters of broken rows under `error`.
    """
    broken = conversion > click
    dropped = broken if policy == "drop" else np.zeros(len(click), bool)
    return Funnel(np.minimum(click, conversion), dropped, broken)
