"""Ids that follow from the cause, so that doing it again names it alike."""

from uuid import UUID

from services.notification.domain.template import Channel, Template
from shared.events.cloudevent import derived_id

SOURCE = "/notification"


def notice_id(cause_source: str, cause_id: str, template: Template) -> UUID:
    """The notice that this cause opens."""
    return derived_id(cause_source, cause_id, f"notice/{template}")


def message_id(notice: UUID, channel: Channel) -> UUID:
    return derived_id(SOURCE, str(notice), f"message/{channel}")


def outcome_id(message: UUID, outcome: str) -> UUID:
    """The id of message.sent, message.failed or message.suppressed."""
    return derived_id(SOURCE, str(message), f"message.{outcome}")
