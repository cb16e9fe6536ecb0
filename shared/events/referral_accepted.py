"""`referral.accepted`: a person joined on a member's invitation."""

from typing import ClassVar

from shared.events.event import EventData
from shared.events.fields import Identifier, ProgramId


class ReferralAccepted(EventData):
    """The link between inviter and invitee. It may arrive after the invitee's first order."""

    TYPE: ClassVar[str] = "greenpoints.referral.accepted.v1"
    TOPIC: ClassVar[str] = "members.referrals.v1"
    MEMBER_FIELD: ClassVar[str | None] = "invitee_id"

    program_id: ProgramId
    inviter_id: Identifier
    invitee_id: Identifier
    code: Identifier | None = None
