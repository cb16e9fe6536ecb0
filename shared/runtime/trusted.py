"""Whose certificates an HTTP client of ours reads: nobody's where no address is https, for that takes 50 ms of CPU."""

import ssl
from collections.abc import Iterable


def trusted(urls: Iterable[str]) -> ssl.SSLContext | bool:
    """What to give an httpx client as `verify` that asks only these addresses and those below them.

    True, which is the machine's own choice, if one is https; else a context that trusts nobody.
    """
    if any(url.lower().startswith("https:") for url in urls):
        return True
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
