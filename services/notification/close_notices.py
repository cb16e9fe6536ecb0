"""The closing sweeper: a notice whose window is over becomes one message per channel."""

from datetime import timedelta

from services.notification import metrics
from services.notification.domain.consent import Profile, refusal
from services.notification.domain.ids import message_id
from services.notification.domain.template import Channel, class_of
from services.notification.outcomes import Addressed, sent, suppressed
from services.notification.store.close import DueNotice, NewMessage, lock_due, save_closed
from shared.events.reason_codes import ReasonCode
from shared.runtime.service import Running, Timer

NOTICES_AT_ONCE = 500


def closing_sweeper(*, email_on: bool, news: timedelta) -> Timer:
    """The sweeper; what was recorded longer ago than `news` goes to the inbox alone."""

    async def close_notices(running: Running) -> None:
        while await _close_some(running, email_on, news):
            continue

    return close_notices


async def _close_some(running: Running, email_on: bool, news: timedelta) -> bool:
    """One transaction; False when there was less to close than fits into one."""
    async with running.pool.acquire() as connection, connection.transaction():
        due = await lock_due(connection, NOTICES_AT_ONCE)
        if not due:
            return False
        messages = [message for notice in due for message in begin_messages(notice, email_on, news)]
        await save_closed(connection, due, messages)
    for message in messages:
        metrics.count(message.channel, message.state, message.code)
    return len(due) == NOTICES_AT_ONCE


def begin_messages(notice: DueNotice, email_on: bool, news: timedelta) -> tuple[NewMessage, NewMessage]:
    """The notice's messages as they begin: the inbox's is sent by standing there, the e-mail's is queued."""
    return _in_app(notice), _email(notice, email_on, news)


def _in_app(notice: DueNotice) -> NewMessage:
    message = addressed(notice, Channel.IN_APP)
    code = refusal(class_of(notice.template), Channel.IN_APP, notice.profile or Profile(), notice.due_at.year)
    if code is not None:
        return _suppressed(notice, message, code)
    return NewMessage(message.message_id, notice, Channel.IN_APP, "sent", outgoing=sent(message))


def _email(notice: DueNotice, email_on: bool, news: timedelta) -> NewMessage:
    message = addressed(notice, Channel.EMAIL)
    if not email_on:
        return _suppressed(notice, message, ReasonCode.CHANNEL_OFF)
    if notice.opened_at + news < notice.now:
        return _suppressed(notice, message, ReasonCode.EVENT_TOO_OLD)
    return NewMessage(message.message_id, notice, Channel.EMAIL, "queued")


def _suppressed(notice: DueNotice, message: Addressed, code: ReasonCode) -> NewMessage:
    return NewMessage(message.message_id, notice, message.channel, "suppressed", code, suppressed(message, code))


def addressed(notice: DueNotice, channel: Channel) -> Addressed:
    """The notice's message by this channel."""
    return Addressed(
        message_id=message_id(notice.notice_id, channel),
        channel=channel,
        template=notice.template,
        program_id=notice.program_id,
        member_id=notice.member_id,
        causation_id=notice.causation_id,
        correlation_id=notice.correlation_id,
        rule_version=notice.rule_version,
        due_at=notice.due_at,
        lot_ids=notice.lot_ids,
    )
