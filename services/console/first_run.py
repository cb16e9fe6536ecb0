"""The first admin: made when there is no operator yet, with a password that is given or told once."""

from services.console.console import Console
from services.console.domain.credentials import SHORTEST_PASSWORD
from services.console.pages.sign_in import first_password

FIRST_NAME = "admin"


async def first_admin(console: Console) -> str | None:
    """What to print: the made password, this once. A given one is not printed, and needs no change."""
    given = console.settings.console_admin_password.get_secret_value()
    if given and len(given) < SHORTEST_PASSWORD:
        raise SystemExit(
            f"console cannot start: GREENPOINTS_CONSOLE_ADMIN_PASSWORD needs at least {SHORTEST_PASSWORD} characters."
        )
    if await console.operators.list():
        return None
    password = given or first_password()
    password_hash = await console.passwords.hash(password)
    if not await console.operators.add_first(FIRST_NAME, password_hash, must_change=not given) or given:
        return None
    return f"First sign-in to the console: name {FIRST_NAME}, password {password} (told once; it must be changed)."
