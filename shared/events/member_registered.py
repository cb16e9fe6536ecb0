"""`member.registered`: a person joined a program. No personal contact data travels here."""

from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field

from shared.events.event import EventData
from shared.events.fields import FalseByDefault, Identifier, Identifiers, MonthDay, ProgramId, Timestamp, null_means

Consents = Annotated[
    dict[Identifier, bool],
    Field(max_length=50),
    BeforeValidator(null_means({}), json_schema_input_type=dict[Identifier, bool] | None),
]


class MemberProfile(EventData):
    """What a program knows of a member; `consents` says per purpose whether it was given.

    `segments` are groups the CRM has the member in; a pack's rules may ask for them.
    """

    HAS_MAPPINGS: ClassVar[bool] = True

    program_id: ProgramId
    member_id: Identifier
    registered_at: Timestamp
    phone_verified: Annotated[bool, Field(strict=True)]
    birth_month_day: MonthDay | None = None
    birth_year: Annotated[int, Field(strict=True, ge=1900, le=2200)] | None = None
    organisation_id: Identifier | None = None
    listed_party: FalseByDefault = False
    locale: Identifier | None = None
    consents: Consents = Field(default_factory=dict)
    segments: Identifiers = ()


class MemberRegistered(MemberProfile):
    """A person joined a program (C01 needs this before anything is issued)."""

    TYPE: ClassVar[str] = "greenpoints.member.registered.v1"
    TOPIC: ClassVar[str] = "members.profiles.v1"
