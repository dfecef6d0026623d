"""Which values a feature may have, and how many, before its row becomes a dead letter."""

from math import inf

from tensorflow_metadata.proto.v0 import schema_pb2

Interval = tuple[float, float]

_MOST_SHOWN = 5


def allowed_values(feature: schema_pb2.Feature, schema: schema_pb2.Schema) -> Interval | frozenset[str] | None:
    """The closed interval of a number, without ends ±inf; the strings of a closed domain; None for any string."""
    kind = feature.WhichOneof("domain_info")
    domain = getattr(feature, kind) if kind else None
    if kind == "domain":
        named = (*schema.string_domain, *schema.int_domain, *schema.float_domain)
        domain = next((candidate for candidate in named if candidate.name == feature.domain), None)
    if feature.type != schema_pb2.BYTES:
        if not isinstance(domain, schema_pb2.IntDomain | schema_pb2.FloatDomain):
            return -inf, inf
        return domain.min if domain.HasField("min") else -inf, domain.max if domain.HasField("max") else inf
    # Below 1 some values may lie outside, so no row is refused for it.
    closed = not feature.HasField("distribution_constraints") or feature.distribution_constraints.min_domain_mass >= 1
    return frozenset(domain.value) if closed and isinstance(domain, schema_pb2.StringDomain) else None


def allowed_count(feature: schema_pb2.Feature) -> Interval:
    """Least and largest number of values in a row that has the feature."""
    return feature.value_count.min, feature.value_count.max if feature.value_count.HasField("max") else inf


def span(interval: Interval) -> str:
    """An interval as text."""
    low, high = (f"{end:g}" if isinstance(end, float) else str(end) for end in interval)
    if interval[0] == -inf:
        return "any number" if interval[1] == inf else f"at most {high}"
    if interval[1] == inf:
        return f"at least {low}"
    return low if low == high else f"{low} to {high}"


def listed(values: frozenset[str]) -> str:
    """The first strings of a domain as text."""
    shown = sorted(values)[:_MOST_SHOWN]
    more = len(values) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")
