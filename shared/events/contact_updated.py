"""`contact.updated`: how to reach a member, or a friend who receives a reward. For notification's eyes alone."""

from typing import ClassVar, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from shared.events.event import EventData
from shared.events.fields import FreeText, Identifier, ProgramId


class ContactUpdated(EventData):
    """Contact data: the member's own, or a `recipient_ref` with its address. A null record erases it."""

    TYPE: ClassVar[str] = "greenpoints.contact.updated.v1"
    TOPIC: ClassVar[str] = "members.contacts.v1"

    program_id: ProgramId
    member_id: Identifier
    email: FreeText | None = None
    phone: Identifier | None = None
    webhook: FreeText | None = None
    recipient_ref: Identifier | None = None
    address: FreeText | None = None

    @model_validator(mode="after")
    def _recipient_has_an_address(self) -> Self:
        if (self.recipient_ref is None) != (self.address is None):
            raise PydanticCustomError("recipient", "a recipient_ref and its address come together")
        return self
