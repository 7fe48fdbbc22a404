"""What became of one job, and how bad that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

# done: made now · there: was there already · planned: would be made · doubtful results are done, too
# failed: what the user can put right · fault: a mistake of ours
Status = Literal["done", "there", "planned", "failed", "fault"]
STATUSES = get_args(Status)
EXIT_STATUS: Mapping[Status, int] = {"done": 0, "there": 0, "planned": 0, "failed": 1, "fault": 3}


@dataclass(frozen=True)
class JobOutcome:
    """What became of one row of a table."""

    row: int
    output: str  # a path or an address; "" where the row names none that can be read
    status: Status
    words: str = ""  # what went wrong, in a sentence
    clip: str = ""
    voice: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)  # figures and doubts of the dub, in plain values

    @property
    def exit_status(self) -> int:
        """What the command would end with if there were no other."""
        return EXIT_STATUS[self.status]

    @property
    def doubts(self) -> tuple[str, ...]:
        """What looks wrong in the result, the most serious first."""
        return tuple(self.told.get("doubts", ()))

    @property
    def key(self) -> str:
        """What tells it from the others of its table."""
        return self.output or f"row {self.row}"

    def to_plain(self) -> dict[str, Any]:
        """Every field by its name."""
        return asdict(self)

    def line(self) -> str:
        """One line for a person."""
        if self.words:
            return self.words
        spent = self.told.get("spent")
        more = [f"{spent:.1f} s"] if spent is not None else []
        more += [f"{len(self.doubts)} doubts"] if self.doubts else []
        said = {"there": "is there already", "planned": "would be made"}.get(self.status, self.status)
        return f"row {self.row}: {self.output}: {', '.join([said, *more])}"
