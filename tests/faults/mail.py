"""What the mail server took on, held against what notification says of each e-mail."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.runtime.postgres import Connection
from tests.infrastructure.mail_server import Mail

_MESSAGES = """
SELECT m.message_id::text AS message_id, m.state, c.email
  FROM notification.message AS m LEFT JOIN notification.contact AS c USING (program_id, member_id)
 WHERE m.channel = 'email'
"""
# How often a message in each state may have been taken on: only who died in the hand-over leaves it open.
_TAKEN_ON: Mapping[str, frozenset[int]] = {"sent": frozenset((1,)), "unknown": frozenset((0, 1))}
_NEVER = frozenset((0,))


@dataclass(frozen=True, slots=True)
class Post:
    """How many e-mails were taken on, of how many nobody knows, and what is wrong, a line each."""

    mails: int
    unknown: int
    wrong: Sequence[str]


async def read_post(connection: Connection, mails: Sequence[Mail]) -> Post:
    """Compare every e-mail that notification knows of with every one the server has; once all is at rest."""
    return judge([dict(row) for row in await connection.fetch(_MESSAGES)], mails)


def judge(messages: Sequence[Mapping[str, str | None]], mails: Sequence[Mail]) -> Post:
    """`messages` are rows of message_id, state and the member's email."""
    taken_on = Counter(_message_id(mail) for mail in mails)
    recipients = {_message_id(mail): mail.recipients for mail in mails}
    known = {str(row["message_id"]): row for row in messages}
    wrong = [f"an e-mail of unknown message {each}" for each in sorted(taken_on.keys() - known.keys())]
    for message_id, row in known.items():
        times = taken_on[message_id]
        if times not in _TAKEN_ON.get(str(row["state"]), _NEVER):
            wrong.append(f"message {message_id} is {row['state']}, and was taken on {times} times")
        if times and row["email"] is not None and recipients[message_id] != [row["email"]]:
            wrong.append(f"message {message_id} went to another address than its member's")
    return Post(len(mails), sum(row["state"] == "unknown" for row in messages), wrong)


def _message_id(mail: Mail) -> str:
    return mail.message_id.strip("<>").partition("@")[0]
