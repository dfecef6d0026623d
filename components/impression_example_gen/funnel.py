"""The rule that holds in every example: a conversion follows a click."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class Funnel:
    """Labels of a batch after the rule, and what it did.

    Attributes:
        click: int64 [B], 0 or 1.
        conversion: int64 [B], 0 or 1; 1 only where `click` is 1.
        keep: bool [B], False for the rows that the policy drops.
        without_click: Rows that came with a conversion but no click.
        first_without_click: Index of the first such row in the batch, -1 if there is none.
    """

    click: pa.Array
    conversion: pa.Array
    keep: pa.Array
    without_click: int
    first_without_click: int


def first_invalid_label(labels: pa.Array) -> int:
    """Index of the first label that is neither 0 nor 1 (or is missing), -1 if all are.

    Args:
        labels: int64 [B].
    """
    valid = pc.fill_null(pc.is_in(labels, value_set=pa.array([0, 1], labels.type)), False)
    return pc.index(valid, False).as_py()


def apply_funnel(click: pa.Array, conversion: pa.Array, policy: str) -> Funnel:
    """Applies the policy to conversions without a click.

    Args:
        click: int64 [B], 0 or 1.
        conversion: int64 [B], 0 or 1.
        policy: `drop`, `as_no_conversion` or `error`; the caller raises the error.
    """
    broken = pc.greater(conversion, click)
    return Funnel(
        click=click,
        conversion=pc.min_element_wise(conversion, click),
        keep=pc.invert(broken) if policy == "drop" else pa.array([True] * len(click), pa.bool_()),
        without_click=pc.sum(broken).as_py() or 0,
        first_without_click=pc.index(broken, True).as_py(),
    )
