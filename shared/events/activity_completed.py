"""`activity.completed`: a member did something a program rewards without a purchase (C09)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from shared.events.event import EventData
from shared.events.fields import Count, FreeText, Identifier, ProgramId, Sha256Hex


class ActivityCompleted(EventData):
    """A survey, training, volunteering or check-in; `answers` serve questionnaires of benefits."""

    TYPE: ClassVar[str] = "greenpoints.activity.completed.v1"
    TOPIC: ClassVar[str] = "members.activities.v1"
    HAS_MAPPINGS: ClassVar[bool] = True

    program_id: ProgramId
    member_id: Identifier
    organisation_id: Identifier | None = None
    activity_id: Identifier
    kind: Literal["survey", "training", "volunteering", "check_in"]
    evidence_sha256: Sha256Hex | None = None
    score: Count | None = None
    answers: Annotated[dict[Identifier, FreeText | Count | bool], Field(max_length=200)] | None = None
