"""Which changes of a schema break what was built on the schema before.

A change is compatible if every log and every request that held to the base schema holds to the new one, and is read in
the same way. Ingestion makes a dead letter of a row that has a value outside of a closed domain, lacks a required
feature or has too many values; a model knows nothing of such rows, so its clients may not send them either.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tensorflow_metadata.proto.v0 import schema_pb2

from schema import contract, load
from schema.allowed import Interval, allowed_count, allowed_values, listed, span

TRAINING = "training"
SERVING_CLIENTS = "serving clients"

_WHO = {contract.TRAINING: TRAINING, contract.SERVING: SERVING_CLIENTS}

_COMPARED = {"name", "type", "presence", "value_count", "not_in_environment"}
# Of those that the pipeline looks at, the values that they allow are compared.
_DOMAINS = {field.name for field in schema_pb2.Feature.DESCRIPTOR.oneofs_by_name["domain_info"].fields}
# What neither ingestion nor the model reads. A change of any other part is taken to break something.
_HARMLESS = {
    *("annotation", "lifecycle_stage", "in_environment", "drift_comparator", "skew_comparator"),
    *("distribution_constraints", "unique_constraints", "validation_derived_source"),
}
_COMPARED_OF_SCHEMA = {"feature", "default_environment", "string_domain", "int_domain", "float_domain"}
_HARMLESS_OF_SCHEMA = {"annotation", "dataset_constraints"}


@dataclass(frozen=True)
class Change:
    """One difference between two schemas.

    Attributes:
        feature: Name of the feature; empty where the schema as a whole changed.
        message: One line.
        breaks: Who has to change with it, of `training` and `serving clients`; empty for a compatible change.
    """

    feature: str
    message: str
    breaks: tuple[str, ...] = ()


def compare(base: schema_pb2.Schema, new: schema_pb2.Schema) -> list[Change]:
    """The changes from `base` to `new`, in the order of the base's features; new features come last.

    A renamed feature is a removed one and an added one. The order of features means nothing.
    """
    changes = list(_of_schema(base, new))
    before, after = ({feature.name: feature for feature in schema.feature} for schema in (base, new))
    for name in [*before, *(name for name in after if name not in before)]:
        old, now = before.get(name), after.get(name)
        if old is None or now is None or _environments(old) != _environments(now):
            changes.extend(_of_membership(name, old, now))
        if old is not None and now is not None:
            changes.extend(_of_values(base, old, new, now))
    return changes


def _of_schema(base: schema_pb2.Schema, new: schema_pb2.Schema) -> Iterator[Change]:
    left = [name for name in _WHO if name in base.default_environment and name not in new.default_environment]
    if left:
        received = " and ".join(new.default_environment) or "none"
        message = f"default_environment should still have {' and '.join(left)}. Received: {received}"
        yield Change("", message, _who(left))
    for name in sorted(_differing(base, new) - _COMPARED_OF_SCHEMA):
        if name in _HARMLESS_OF_SCHEMA:
            yield Change("", f"the schema has another {name}")
        else:
            yield Change("", f"the schema should keep its {name}. Received: another one", (TRAINING, SERVING_CLIENTS))


def _of_membership(name: str, old: schema_pb2.Feature | None, now: schema_pb2.Feature | None) -> Iterator[Change]:
    """The environments that the feature leaves, and those that it enters."""
    was, stays = _environments(old), _environments(now)
    left = [environment for environment in was if environment not in stays]
    entered = [environment for environment in stays if environment not in was]
    if left:
        received = " and ".join(stays) or ("no such feature" if now is None else _unused(now))
        yield Change(name, f"`{name}` should stay in {' and '.join(was)}. Received: {received}", _who(left))
    if now is None:
        if old is not None and not was:
            yield Change(name, f"`{name}` is removed; it was {_unused(old)}")
    elif name in contract.LABELS and contract.SERVING in entered:
        message = f"`{name}` is a label and should stay out of SERVING. Received: {' and '.join(stays)}"
        yield Change(name, message, (SERVING_CLIENTS,))
    elif entered:
        yield _entering(name, old, now, entered)
    elif old is None:
        yield Change(name, f"`{name}` is new, and {_unused(now)}")


def _entering(name: str, old: schema_pb2.Feature | None, now: schema_pb2.Feature, entered: list[str]) -> Change:
    # A share below 1 is asked of the log as a whole, not of each request.
    needs = {
        contract.TRAINING: now.presence.min_fraction > 0 or now.presence.min_count > 0,
        contract.SERVING: now.presence.min_fraction >= 1,
    }
    where = " and ".join(entered)
    breaks = _who(environment for environment in entered if needs[environment])
    if breaks:
        return Change(
            name,
            f"`{name}` should enter {where} without presence, as what was logged or sent before lacks it. "
            f"Received: {_presence(now)}",
            breaks,
        )
    earlier = f"; it was {_unused(old)}" if old is not None and not _environments(old) else ""
    return Change(name, f"`{name}` enters {where}, optional{earlier}")


def _of_values(
    base: schema_pb2.Schema, old: schema_pb2.Feature, new: schema_pb2.Schema, now: schema_pb2.Feature
) -> Iterator[Change]:
    """What changes for the values of a feature that both schemas have."""
    name = now.name
    differing = _differing(old, now)
    shared = [environment for environment in _environments(old) if environment in _environments(now)]
    if not shared:
        if not _environments(old) and not _environments(now) and differing:
            yield Change(name, f"`{name}`, {_unused(now)}, has another {', '.join(sorted(differing))}")
        return
    who = _who(shared)
    if old.type != now.type:
        was, received = (schema_pb2.FeatureType.Name(feature.type) for feature in (old, now))
        yield Change(name, f"`{name}` should stay of type {was}. Received: {received}", who)
    yield from _of_value_count(old, now, who)
    yield from _of_presence(old, now, shared)
    was_allowed, is_allowed = allowed_values(old, base), allowed_values(now, new)
    if old.type == now.type:
        yield from _of_domain(name, was_allowed, is_allowed, who)

    for part in sorted(differing - _COMPARED - _DOMAINS - _HARMLESS):
        yield Change(name, f"`{name}` should keep its {part}. Received: another one", who)
    harmless = sorted(differing & (_HARMLESS | _DOMAINS if was_allowed == is_allowed else _HARMLESS))
    if harmless:
        yield Change(name, f"`{name}` has another {', '.join(harmless)}")


def _of_value_count(old: schema_pb2.Feature, now: schema_pb2.Feature, who: tuple[str, ...]) -> Iterator[Change]:
    (was_low, was_high), (low, high) = was, received = allowed_count(old), allowed_count(now)
    if load.is_multivalued(old) != load.is_multivalued(now):
        valency = "multi-valued" if load.is_multivalued(old) else "single-valued"
        yield Change(now.name, f"`{now.name}` should stay {valency}. Received: {span(received)} values", who)
    elif low > was_low or high < was_high:
        message = f"`{now.name}` should still allow {span(was)} values. Received: {span(received)}"
        yield Change(now.name, message, who)
    elif was != received:
        yield Change(now.name, f"`{now.name}` allows {span(received)} values, was {span(was)}")


def _of_presence(old: schema_pb2.Feature, now: schema_pb2.Feature, shared: list[str]) -> Iterator[Change]:
    was, received = ((f.presence.min_fraction, f.presence.min_count) for f in (old, now))
    name = now.name
    if received[0] >= 1 > was[0]:
        yield Change(name, f"`{name}` should stay optional. Received: {_presence(now)}", _who(shared))
    elif received[0] > was[0] or received[1] > was[1]:
        message = f"`{name}` should ask for a presence of at most {_presence(old)}. Received: {_presence(now)}"
        yield Change(name, message, _who(environment for environment in shared if environment == contract.TRAINING))
    elif was != received:
        yield Change(name, f"`{name}` has presence {_presence(now)}, was {_presence(old)}")


_Allowed = Interval | frozenset[str] | None


def _of_domain(name: str, was: _Allowed, now: _Allowed, who: tuple[str, ...]) -> Iterator[Change]:
    """`was` and `now` are what the feature allows, by one type."""
    if was == now:
        return
    if isinstance(was, tuple) and isinstance(now, tuple):
        if now[0] > was[0] or now[1] < was[1]:
            yield Change(name, f"`{name}` should still allow {span(was)}. Received: {span(now)}", who)
        else:
            yield Change(name, f"`{name}` allows {span(now)}, was {span(was)}")
    elif isinstance(now, frozenset):
        if not isinstance(was, frozenset):
            yield Change(name, f"`{name}` should still allow any value. Received: only {listed(now)}", who)
            return
        if was - now:
            yield Change(name, f"`{name}` should still allow {listed(was - now)}. Received: {listed(now)}", who)
        if now - was:
            yield Change(name, f"`{name}` also allows {listed(now - was)}")
    elif isinstance(was, frozenset):
        yield Change(name, f"`{name}` allows any value, was {listed(was)}")


def _environments(feature: schema_pb2.Feature | None) -> list[str]:
    """Those of TRAINING and SERVING that hold the feature."""
    if feature is None or load.is_disabled(feature):
        return []
    return [environment for environment in _WHO if environment not in feature.not_in_environment]


def _who(environments: Iterable[str]) -> tuple[str, ...]:
    return tuple(_WHO[environment] for environment in environments)


def _differing(old: schema_pb2.Feature | schema_pb2.Schema, now: schema_pb2.Feature | schema_pb2.Schema) -> set[str]:
    """Names of the parts that two messages of a type do not agree in."""
    was, received = ({field.name: value for field, value in message.ListFields()} for message in (old, now))
    return {name for name in was | received if was.get(name) != received.get(name)}


def _presence(feature: schema_pb2.Feature) -> str:
    return f"min_fraction {feature.presence.min_fraction:g}, min_count {feature.presence.min_count}"


def _unused(feature: schema_pb2.Feature) -> str:
    if not load.is_disabled(feature):
        return "in no environment"
    return f"DISABLED ({', '.join(feature.annotation.tag)})" if feature.annotation.tag else "DISABLED"
