"""One difference between two versions of a pack."""

from dataclasses import dataclass
from typing import Literal

Location = tuple[int | str, ...]

Verdict = Literal["better", "neutral", "undecided", "worse"]
"""For members. `undecided`: for some it may be worse and nothing proves the contrary, so it counts as adverse."""


@dataclass(frozen=True, slots=True)
class Change:
    """`path` names parts by their ids; `location` is the place in the new file, of the list where the part is gone.

    `old` and `new` are what stands there, "" where there is nothing. Nothing here depends on a language.
    """

    path: tuple[str, ...]
    location: Location
    old: str
    new: str
    verdict: Verdict

    @property
    def adverse(self) -> bool:
        return self.verdict in ("undecided", "worse")
