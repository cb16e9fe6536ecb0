"""What one operator asks for and another decides: corrections of balances and tier floors."""

from typing import Literal

import asyncpg

from services.earning.store.corrections import State
from shared.events.reason_codes import ReasonCode, describe
from shared.runtime.http import ProblemError

Verdict = Literal["approve", "refuse"]
STATE_OF: dict[Verdict, State] = {"approve": "approved", "refuse": "refused"}


def awaits(row: asyncpg.Record, what: str, verdict: Verdict, person: str) -> bool:
    """Whether the request is still to be decided; False where it was decided just so.

    `what` names it, such as "correction c-1". Raises ProblemError: 409 ALREADY_DECIDED where the decision was another,
    409 SECOND_PERSON_REQUIRED where who asked for it would approve it.
    """
    if row["state"] == STATE_OF[verdict]:
        return False
    if row["state"] != "requested":
        sentence = f"{what[0].upper()}{what[1:]} was {row['state']}, and that decision stands."
        raise ProblemError(409, "ALREADY_DECIDED", sentence)
    if verdict == "approve" and person == row["requested_by"]:
        raise refusal(
            409, ReasonCode.SECOND_PERSON_REQUIRED, f"{person} asked for {what}; somebody else has to approve it."
        )
    return True


def refusal(status: int, code: ReasonCode, detail: str) -> ProblemError:
    """A refusal as the red lines ask for it: code, reason in both languages, control."""
    reason = describe(code)
    words = {"zh-CN": reason.zh, "en": reason.en}
    return ProblemError(status, code.value, detail, reason=words, control=reason.control)
