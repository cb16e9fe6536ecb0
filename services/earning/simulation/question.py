"""What is asked: which pack is tried, what it is compared with, over which traffic, in which databases."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from shared.programs.days import Period
from shared.programs.pack import Budget, ProgramPack
from shared.programs.versions import NOTICE, ProgramBook, ProgramVersion

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_ALWAYS = Period(from_=date(1970, 1, 1), to=date(9999, 1, 1))


class Published(BaseModel):
    """A version that judges in the world compared with; `always`: at every time, whatever it says itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    pack: ProgramPack
    published_at: datetime
    recorded_at: datetime
    always: bool = False

    def version(self) -> ProgramVersion:
        if not self.always:
            return ProgramVersion.of(self.pack, self.published_at, self.recorded_at)
        return _in_force_from(self.pack, _EVER, self.pack.version)


class Question(BaseModel):
    """`since`: only what happened from then on is judged by the draft and counted; None = everything.

    `events` is a file of CloudEvents, one JSON object a line; else the topics of `kafka` are read from their
    beginning, for what happened before `since` decides about caps, tiers and refunds after it. The databases are
    empty and ours alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draft: ProgramPack
    against: Annotated[tuple[Published, ...], Field(min_length=1)]
    since: datetime | None = None
    events: str | None = None
    kafka: str | None = None
    live_database: SecretStr
    draft_database: SecretStr

    def live_book(self) -> ProgramBook:
        book = ProgramBook()
        for published in self.against:
            book = book.with_record(published.version())
        return book

    def draft_book(self) -> ProgramBook:
        """The versions in force before `since`, and the draft from then on under the next free number."""
        since, book = self.since or _EVER, ProgramBook()
        before = [published.version() for published in self.against if self.since is not None]
        for version in before:
            if version.effective_at < since:
                book = book.with_record(version)
        number = max(published.pack.version for published in self.against) + 1
        return book.with_record(_in_force_from(self._judging_draft(), since, number))

    def shortest_grace(self) -> timedelta:
        """How long an event waits for a registration at least, where it does."""
        packs = (self.draft, *(published.pack for published in self.against))
        hours = [pack.registration_grace_hours for pack in packs if pack.registration_grace_hours]
        return timedelta(hours=min(hours)) if hours else timedelta.max

    def budgets_given_time(self) -> frozenset[str]:
        """Budgets of the draft alone: their period may lie wholly after the traffic, so it is not judged."""
        known = {(budget.budget_id, budget.period) for one in self.against for budget in one.pack.budgets}
        return frozenset(b.budget_id for b in self.draft.budgets if (b.budget_id, b.period) not in known)

    def _judging_draft(self) -> ProgramPack:
        timeless = self.budgets_given_time()
        return self.draft.model_copy(update={"budgets": tuple(_timed(b, timeless) for b in self.draft.budgets)})


def _timed(budget: Budget, timeless: frozenset[str]) -> Budget:
    return budget.model_copy(update={"period": _ALWAYS}) if budget.budget_id in timeless else budget


def _in_force_from(pack: ProgramPack, at: datetime, number: int) -> ProgramVersion:
    dated = pack.model_copy(update={"version": number, "effective_at": at})
    return ProgramVersion.of(dated, at - NOTICE, at - NOTICE)
