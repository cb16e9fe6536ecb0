"""`member.updated`: what a program knows of a member changed."""

from typing import ClassVar, Literal

from pydantic import Field

from shared.events.member_registered import MemberProfile


class MemberUpdated(MemberProfile):
    """The whole profile as it is now; `changed` names what else changed, never the values."""

    TYPE: ClassVar[str] = "greenpoints.member.updated.v1"
    TOPIC: ClassVar[str] = "members.profiles.v1"

    changed: tuple[Literal["credential", "device", "address"], ...] = Field(default=(), max_length=3)
