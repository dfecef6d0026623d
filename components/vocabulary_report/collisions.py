"""How many hashed tokens share an id, told from how many ids are taken."""

import math


def collision_rate(taken: int, buckets: int) -> float | None:
    """Estimated share of distinct tokens that share their bucket with another one, 0 to 1; None where there are none.

    The number of distinct tokens is estimated by linear counting (Whang et al., ACM TODS 15:2, 1990).

    If all buckets are taken, there may be any number of tokens from some buckets · ln(buckets) on, and the rate is told
    as 1.0, its limit: nearly all of them. With 95 % confidence it is above 1 − 3 / buckets, which says little where
    there are fewer than some 30 buckets.

    Args:
        taken: Number of buckets that some token falls into.
        buckets: Number of all buckets.
    """
    if not taken:
        return None
    if taken == buckets:
        return 1.0
    tokens = -buckets * math.log1p(-taken / buckets)
    return -math.expm1((tokens - 1) * math.log1p(-1 / buckets))
