"""What an order or a quote would take: its terms from the version in force, or from the quote that promised them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.redemption.desk import Member
from services.redemption.domain.catalogue import Catalogue, catalogue_at
from services.redemption.domain.claims import (
    NoSuchRewardError,
    PlannedClaim,
    Wish,
    WrongSlotError,
    plan_claims,
    require_not_recalled,
)
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.wallet import Wallet
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.refusals import unknown_member
from services.redemption.store.members import read_profile
from services.redemption.store.quotes import Quote, find_quote
from services.redemption.store.standing import read_standing
from shared.events.reason_codes import ReasonCode
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection


@dataclass(frozen=True, slots=True)
class Plan:
    """`catalogue` holds the terms that price the claims; `now` those in force, for stock, recalls and contracts."""

    catalogue: Catalogue
    now: Catalogue
    claims: tuple[PlannedClaim, ...]
    quote: Quote | None

    @property
    def points(self) -> int:
        return sum(claim.points for claim in self.claims)

    @property
    def money_minor(self) -> int:
        return sum(claim.money_minor for claim in self.claims)

    @property
    def price_version(self) -> int:
        return self.catalogue.version


async def plan_order(
    connection: Connection,
    programs: ProgramBook,
    member: Member,
    wallet: Wallet,
    wishes: Sequence[Wish],
    now: datetime,
    quote_id: UUID | None = None,
) -> Plan:
    """Judge the wishes under the wallet's lock; `wallet` is as the clock has it. With a quote, `wishes` may be empty.

    A quote's price and conditions are those of its own version and moment (C16); who may redeem at all, whether a
    reward was recalled and how many there are is asked now. Raises RefusedError, and ProblemError: 404 for an unknown
    program, member, quote or reward, 422 for a wrong slot or lines that are not the quote's.
    """
    version = in_force(programs, member[0], now)
    profile = await read_profile(connection, member)
    if profile is None:
        raise unknown_member()
    require_may_redeem(profile)
    current = catalogue_at(version.pack, now)
    quote = None if quote_id is None else await _standing_quote(connection, member, quote_id, wishes)
    catalogue = current if quote is None else _quoted_terms(programs, member[0], quote, current)
    wished = quote.wishes if quote is not None else tuple(wishes)
    rewards = [catalogue.rewards[wish.reward_id] for wish in wished if wish.reward_id in catalogue.rewards]
    standing = await read_standing(connection, catalogue, profile, wallet, rewards)
    try:
        require_not_recalled(current, wished)
        claims = plan_claims(catalogue, standing, wished, quote.prices if quote is not None else {}, current)
    except NoSuchRewardError as unknown:
        raise ProblemError(404, "NOT_FOUND", str(unknown), reward_id=unknown.reward_id) from unknown
    except WrongSlotError as wrong:
        raise ProblemError(422, "MALFORMED", str(wrong)) from wrong
    return Plan(catalogue, current, claims, quote)


def in_force(programs: ProgramBook, program_id: str, now: datetime) -> ProgramVersion:
    """The version that a request of this moment is judged by. Raises ProblemError 404."""
    version = programs.in_force(program_id, now)
    if version is None:
        raise ProblemError(404, "NOT_FOUND", "There is no such program, or no version of it is in force yet.")
    return version


async def _standing_quote(connection: Connection, member: Member, quote_id: UUID, wishes: Sequence[Wish]) -> Quote:
    quote = await find_quote(connection, member, quote_id)
    if quote is None:
        raise ProblemError(404, "NOT_FOUND", f"This member has no quote {quote_id}.")
    if wishes and sorted(wishes, key=_name) != sorted(quote.wishes, key=_name):
        raise ProblemError(
            422, "MALFORMED", "The order's lines are not the quote's; leave them out or ask for a quote."
        )
    if quote.expired:
        raise RefusedError(
            ReasonCode.QUOTE_EXPIRED, f"The quote was good until {quote.expires_at.isoformat()}; ask for a new one."
        )
    return quote


def _quoted_terms(programs: ProgramBook, program_id: str, quote: Quote, current: Catalogue) -> Catalogue:
    promised = programs.version(program_id, quote.version)
    if promised is None:  # a version once in force stays known
        raise LookupError(f"version {quote.version} of program {program_id}, which a quote names, is not known")
    return current if quote.version == current.version else catalogue_at(promised.pack, current.at)


def _name(wish: Wish) -> tuple[str, int, str]:
    return (wish.reward_id, wish.quantity, wish.slot or "")
