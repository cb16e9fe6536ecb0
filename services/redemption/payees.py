"""What a program's versions call its partners, rewards and agreements: the newest version that knows a name counts."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import asyncpg

from services.redemption.answers.statements import DonatedAnswer, DonatedReward
from shared.programs.partners import DonationAgreement
from shared.programs.texts import Name
from shared.runtime.http import ProblemError
from shared.runtime.service import Running


class PackNames:
    """The names of one program. Raises ProblemError 404 for a program without any version."""

    def __init__(self, running: Running, program_id: str) -> None:
        versions = running.programs.versions(program_id)
        if not versions:
            raise ProblemError(404, "UNKNOWN_PROGRAM", f"No version of program {program_id} was published.")
        packs = [version.pack for version in versions]
        self.zone = ZoneInfo(packs[-1].time_zone)
        self._currency = packs[-1].currency
        self._partners = {one.partner_id: one.name for pack in packs for one in pack.partners}
        self._rewards = {one.reward_id: one.name for pack in packs for one in pack.rewards}
        self._agreements: dict[str, DonationAgreement] = {
            one.agreement_id: one for pack in packs for one in pack.donation_agreements
        }

    def payee(self, kind: str, payee_id: str) -> Name | None:
        if kind == "partner":
            return self._partners.get(payee_id)
        agreement = self._agreements.get(payee_id)
        return agreement.recipient if agreement is not None else None

    def reward(self, reward_id: str) -> Name | None:
        return self._rewards.get(reward_id)

    def donated(self, rows: Sequence[asyncpg.Record]) -> list[DonatedAnswer]:
        """The totals by agreement, those to which nothing was given yet included."""
        given: dict[str, list[asyncpg.Record]] = {agreement_id: [] for agreement_id in sorted(self._agreements)}
        for row in rows:
            given.setdefault(row["agreement_id"], []).append(row)
        return [self._of_agreement(agreement_id, rewards) for agreement_id, rewards in given.items()]

    def _of_agreement(self, agreement_id: str, rewards: Sequence[asyncpg.Record]) -> DonatedAnswer:
        agreement = self._agreements.get(agreement_id)
        return DonatedAnswer(
            agreement_id=agreement_id,
            recipient=agreement.recipient if agreement is not None else None,
            document=agreement.document if agreement is not None else None,
            units=sum(row["units"] for row in rewards),
            donated_minor=sum(row["donated_minor"] for row in rewards),
            currency=rewards[0]["currency"] if rewards else self._currency,
            rewards=[DonatedReward.model_validate({**row, "name": self.reward(row["reward_id"])}) for row in rewards],
        )
