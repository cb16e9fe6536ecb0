"""Who may redeem at all: neither a listed party (C27) nor anyone whose account is closed (C22)."""

from services.redemption.domain.profile import Profile
from services.redemption.domain.refused import RefusedError
from shared.events.reason_codes import ReasonCode


def require_may_redeem(profile: Profile) -> None:
    """Asked before anything new is quoted, ordered, authorized or used; what was begun before may end.

    Raises RefusedError.
    """
    if profile.closed_at is not None:
        raise RefusedError(
            ReasonCode.ACCOUNT_CLOSED,
            f"This account was closed at {profile.closed_at.isoformat()}; nothing can be redeemed any more.",
        )
    if profile.listed_party:
        raise RefusedError(
            ReasonCode.LISTED_PARTY,
            "The member is on a list of restricted parties, so nothing is redeemed until the listing ends; "
            "the points stay as they are.",
        )
