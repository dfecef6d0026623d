"""The stream of simulated impressions, the same in every format."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from components.impression_example_gen.log_format import LogFormat
from pipeline.simulator import sizes
from pipeline.simulator.features import Recipe, draw

# Impressions drawn at a time: some tens of MB with Ali-CCP's histories.
_ROWS = 8192

# The first impression is shown at the start of 2026; then one follows every tenth of a second.
_START_US = 1_767_225_600_000_000
_STEP_US = 100_000


@dataclass(frozen=True)
class Sessions:
    """Impressions in a row, shown to one user after the other. B impressions of U users.

    Attributes:
        users: Features that stay the same in a session, U rows; weighted lists whole, heaviest first.
        own: Features of the impressions, B rows; weighted lists as in `users`.
        lengths: Impressions of each session, int64 [U].
        first: Number of the first impression in the whole log, from 0.
        click: int64 [B].
        conversion: int64 [B]; only where `click` is 1.
    """

    users: pa.RecordBatch
    own: pa.RecordBatch
    lengths: np.ndarray
    first: int
    click: np.ndarray
    conversion: np.ndarray

    @property
    def impression_id(self) -> np.ndarray:
        """Number in the whole log, from 1; int64 [B]."""
        return self.first + 1 + np.arange(len(self.click))

    @property
    def time_us(self) -> np.ndarray:
        """Microseconds since 1970, int64 [B]."""
        return _START_US + _STEP_US * (self.first + np.arange(len(self.click)))

    @property
    def user(self) -> np.ndarray:
        """For each impression its row in `users`, int64 [B]."""
        return np.repeat(np.arange(len(self.lengths)), self.lengths)


def simulate_split(
    recipes: Sequence[Recipe], user_features: Collection[str], impressions: range, ctr: float, cvr: float, seed: int
) -> Iterator[Sessions]:
    """Draws a part of a log, a batch at a time; at least one, if an empty one.

    A split depends on nothing that comes before it, so no session reaches from one split into the next.

    Args:
        recipes: Of the features.
        user_features: Which of them belong to the user.
        impressions: Numbers of the impressions in the whole log.
        ctr: Share of impressions that are clicked, rounded to whole clicks.
        cvr: Share of clicks that convert, rounded to whole conversions.
        seed: Other seeds give other values.
    """
    of_users = [recipe for recipe in recipes if recipe.name in user_features]
    of_impressions = [recipe for recipe in recipes if recipe.name not in user_features]
    sessions = clicks = 0
    for first in range(impressions.start, impressions.stop, _ROWS) or (impressions.start,):
        rows = min(_ROWS, impressions.stop - first)
        done = first - impressions.start
        random = np.random.default_rng([seed, first])
        lengths = _session_lengths(random, rows)
        due = _rounded((done + rows) * ctr)
        click, conversion = _labels(random, rows, due - clicks, _rounded(due * cvr) - _rounded(clicks * cvr))
        yield Sessions(
            draw_all(of_users, random, sessions, len(lengths)),
            draw_all(of_impressions, random, done, rows),
            lengths,
            first,
            click,
            conversion,
        )
        sessions, clicks = sessions + len(lengths), due


def impression_rows(sessions: Sessions, names: Sequence[str], log: LogFormat) -> pa.RecordBatch:
    """The impressions as they are in a flat log: each with the features of its user, and without labels.

    Args:
        sessions: The impressions.
        names: The features, in the order of the columns.
        log: Names and unit of impression id and time, and how many values are kept.

    Returns:
        Impression id and time, int64, and the features.
    """
    user = pa.array(sessions.user)
    columns = {
        log.events.impression_id: pa.array(sessions.impression_id),
        log.events.time: pa.array(ticks(sessions.time_us, log.events.time_unit)),
    }
    for name in names:
        of_user = name in sessions.users.schema.names
        column = heaviest(sessions.users[name] if of_user else sessions.own[name], log.max_values)
        columns[name] = column.take(user) if of_user else column
    return pa.RecordBatch.from_pydict(columns)


def heaviest(column: pa.Array, most: int) -> pa.Array:
    """A column as the log has it: of a list its first values, which weigh most."""
    return pc.list_slice(column, 0, most, return_fixed_size_list=False) if pa.types.is_list(column.type) else column


def draw_all(recipes: Sequence[Recipe], random: np.random.Generator, first_row: int, rows: int) -> pa.RecordBatch:
    """Draws features, and their weights, for consecutive rows; see `draw`."""
    columns: dict[str, pa.Array] = {}
    for recipe in recipes:
        columns |= draw(recipe, random, first_row, rows)
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))


def ticks(time_us: np.ndarray, unit: Literal["s", "ms", "us"]) -> np.ndarray:
    """Microseconds, int64 [B], as whole numbers of a unit, rounded down."""
    return time_us // {"s": 1_000_000, "ms": 1_000, "us": 1}[unit]


def _session_lengths(random: np.random.Generator, rows: int) -> np.ndarray:
    """Lengths that add up to `rows`; the last session is cut short."""
    count = rows // sizes.SHORTEST_SESSION + 1
    ends = np.cumsum(random.integers(sizes.SHORTEST_SESSION, sizes.LONGEST_SESSION, count, endpoint=True))
    return np.diff(np.concatenate([[0], ends[ends < rows], [rows]])) if rows else np.zeros(0, np.int64)


def _labels(random: np.random.Generator, rows: int, clicks: int, conversions: int) -> tuple[np.ndarray, np.ndarray]:
    chosen = random.choice(rows, clicks, replace=False) if clicks else np.zeros(0, np.int64)
    click, conversion = np.zeros(rows, np.int64), np.zeros(rows, np.int64)
    click[chosen] = 1
    conversion[chosen[:conversions]] = 1
    return click, conversion


def _rounded(number: float) -> int:
    """The nearest whole number, halves up, so that a share of a growing number never takes two steps at once."""
    return int(number + 0.5)
