"""What the guard found out about data that it accepted."""

import dataclasses
import json
from collections.abc import Mapping

FILE_NAME = "report.json"


@dataclasses.dataclass(frozen=True)
class GuardReport:
    """Kept beside the accepted statistics.

    Attributes:
        sampled: Number of examples that leaks were looked for in.
        auc: For each feature, by what of it tells which label, its AUC alone; see `leakage.alone`.
        allowed: One line for each problem that `guard.allow` lets pass.
    """

    sampled: int
    auc: Mapping[str, Mapping[str, Mapping[str, float]]]
    allowed: tuple[str, ...]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "GuardReport":
        values = json.loads(text)
        return cls(**{**values, "allowed": tuple(values["allowed"])})
