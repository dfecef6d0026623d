"""What the schema demands of a row."""

import pyarrow as pa
import pyarrow.compute as pc

from components.impression_example_gen.columns import Column
from components.impression_example_gen.rows import shown


def broken_rows(values: pa.Array, column: Column) -> dict[int, str]:
    """Rows that break a rule of their column.

    Args:
        values: Of `column.arrow_type`, [B].
        column: The rules.

    Returns:
        The reason, by index.
    """
    reasons: dict[int, str] = {}
    if column.required and values.null_count:
        missing = f"column `{column.name}` should be given in every row. Received: no value"
        reasons |= dict.fromkeys(_where(values.is_null()), missing)
    if column.max_values:
        for i in _where(pc.greater(pc.list_value_length(values), column.max_values)):
            reasons[i] = (
                f"column `{column.name}` should have at most {column.max_values} values. "
                f"Received: {len(values[i])} values"
            )
    flat = pc.list_flatten(values) if column.multivalued else values
    outside = _outside(flat, column)
    if outside is not None and pc.any(outside).as_py():
        parents = pc.list_parent_indices(values) if column.multivalued else None
        for j in _where(outside):
            i = parents[j].as_py() if parents is not None else j
            reasons[i] = f"column `{column.name}` should be {_domain(column)}. Received: {shown(flat[j].as_py())}"
    return reasons


def _outside(flat: pa.Array, column: Column) -> pa.Array | None:
    """bool, True for values outside of the domain; None where there is no domain."""
    if column.tokens:
        inside = pc.is_in(flat, value_set=pa.array(column.tokens, pa.binary()))
        return pc.and_(pc.invert(inside), flat.is_valid())
    sides = []
    if column.low is not None:
        sides.append(pc.less(flat, pa.scalar(column.low, flat.type)))
    if column.high is not None:
        sides.append(pc.greater(flat, pa.scalar(column.high, flat.type)))
    return pc.or_(*sides) if len(sides) == 2 else sides[0] if sides else None


def _domain(column: Column) -> str:
    if column.tokens:
        return "one of " + shown(", ".join(token.decode("utf-8", "backslashreplace") for token in column.tokens))
    if (column.low, column.high) == (0, 1) and column.value_type == pa.int64():
        return "0 or 1"
    if column.low is not None and column.high is not None:
        return f"from {column.low} to {column.high}"
    return f"at least {column.low}" if column.low is not None else f"at most {column.high}"


def _where(mask: pa.Array) -> list[int]:
    return pc.indices_nonzero(pc.fill_null(mask, False)).to_pylist()
