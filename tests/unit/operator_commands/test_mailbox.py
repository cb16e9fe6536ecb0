"""The local mail server keeps what comes, in one file per message, and lets it be read."""

from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from services.operator.mailbox import open_mailbox


def _mail(to: str, identity: str, text: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "points@example.org", to, text, identity
    mail.set_content(text)
    return mail


async def test_each_message_is_one_file_however_often_it_comes(tmp_path: Path) -> None:
    async with open_mailbox(tmp_path / "mail") as mailbox:
        host, _, port = mailbox.address.rpartition(":")
        for mail in (
            _mail("lin@example.com", "<1@test>", "积分已到账"),
            _mail("lin@example.com", "<1@test>", "积分已到账"),
            _mail("ben@example.com", "<2@test>", "held"),
            _mail("lin@example.com", "<3@test>", "第二封"),
        ):
            await aiosmtplib.send(mail, hostname=host, port=int(port), use_tls=False, start_tls=False)
        assert (mailbox.taken, mailbox.different) == (4, 3)
        newest = mailbox.newest("lin@")
        assert newest is not None and newest["Subject"] == "第二封"
        assert mailbox.newest("nobody@") is None
    assert len(list((tmp_path / "mail").glob("*.eml"))) == 3
