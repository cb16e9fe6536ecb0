"""Whether points expire sooner (C21): looked up for every day they might be earned on, not guessed from the words."""

from datetime import timedelta

from shared.programs.changes.change import Verdict
from shared.programs.expiry import last_day
from shared.programs.over import effective_on
from shared.programs.pack import Expiry, ProgramPack

_DAYS = 8 * 366
"""Two leap years and every length of month: what does not differ in these days does not differ later."""


def judge_expiry(old: Expiry, new: Expiry, pack: ProgramPack) -> Verdict:
    """`pack` is the new version: its first day is the first that is compared."""
    if old.after != new.after:
        # Inactivity moves with the member: only never is surely later than it.
        return "better" if new.at == "never" else "worse" if old.at == "never" else "undecided"
    plain_old, plain_new = (one.model_copy(update={"after": "earning"}) for one in (old, new))
    first, found = effective_on(pack), set()
    for offset in range(_DAYS):
        before, after = (last_day(one, first + timedelta(days=offset)) for one in (plain_old, plain_new))
        if before != after:
            later = after is None or (before is not None and after > before)
            found.add("better" if later else "worse")
    return "worse" if "worse" in found else "better" if found else "neutral"
