"""Which texts an e-mail can be sent to."""

import re

# One mailbox, nothing that could end a header or name a second one; the server judges the rest.
_ADDRESS = re.compile(r"[^\s<>()\[\]\\,;:@\"\x00-\x20\x7f]{1,64}@[^\s<>()\[\]\\,;:@\"\x00-\x20\x7f]{1,255}")


def usable_address(text: str | None) -> str | None:
    """The text when it is one plain address, else None."""
    return text if text is not None and _ADDRESS.fullmatch(text) is not None else None
