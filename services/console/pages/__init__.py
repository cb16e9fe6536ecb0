"""The console's pages, in the order of the navigation. A page registers itself by a line here."""

from collections.abc import Sequence

from services.console.console import Page
from services.console.pages import (
    account,
    actions,
    dead_letters,
    event_path,
    operators,
    overview,
    partners,
    redeemability,
    seals,
    stream,
)

PAGES: Sequence[Page] = (
    overview.PAGE,
    stream.PAGE,
    event_path.PAGE,
    dead_letters.PAGE,
    partners.PAGE,
    redeemability.PAGE,
    seals.PAGE,
    operators.PAGE,
    actions.PAGE,
    account.PAGE,
)
