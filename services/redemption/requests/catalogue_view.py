"""What the catalogue answers: read, decided by the domain, put into words."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from services.redemption.answers.catalogue import (
    CatalogueAnswer,
    ObstacleAnswer,
    OfferAnswer,
    OffersAnswer,
    PriceAnswer,
    QuoteAnswer,
    QuotedLine,
    RewardAnswer,
    SlotAnswer,
    SlotsAnswer,
    TierPrice,
)
from services.redemption.desk import Member
from services.redemption.domain.catalogue import Catalogue, catalogue_at, early_view_days
from services.redemption.domain.claims import LAST_DAY, When, is_over, slot_time
from services.redemption.domain.clock import catch_up
from services.redemption.domain.counts import Count, slot_count, stock_counts
from services.redemption.domain.offers import Offer, offers, units_left
from services.redemption.domain.profile import Profile
from services.redemption.domain.refused import RefusedError
from services.redemption.domain.who_may import require_may_redeem
from services.redemption.refusals import unknown_member
from services.redemption.requests.plan_order import in_force
from services.redemption.store.members import read_profile
from services.redemption.store.queries import read_clock, read_wallet
from services.redemption.store.quotes import Quote
from services.redemption.store.standing import read_standing
from services.redemption.store.stock import read_taken
from shared.events.reason_codes import describe
from shared.programs.booking import Booking
from shared.programs.rewards import AnyReward, ServiceBooking, Upgrade
from shared.programs.texts import Name
from shared.programs.versions import ProgramBook, ProgramVersion
from shared.runtime.http import ProblemError
from shared.runtime.postgres import Connection
from shared.runtime.service import Running


async def view_catalogue(running: Running, program_id: str, after: str, limit: int) -> CatalogueAnswer:
    """What the program offers at this moment, whoever asks. Raises ProblemError 404."""
    async with running.pool.acquire() as connection:
        catalogue = await _now(connection, running.programs, program_id)
        offered = sorted((one for one in catalogue.rewards.values() if catalogue.is_offered(one)), key=_reward_id)
        page = [reward for reward in offered if reward.reward_id > after][:limit]
        taken = await read_taken(connection, program_id, _counts(catalogue, page))
    return CatalogueAnswer(
        program_id=program_id,
        version=catalogue.version,
        currency=catalogue.pack.currency,
        as_of=catalogue.at,
        business_day=catalogue.today,
        rewards=[_reward_answer(catalogue, reward, units_left(catalogue, reward, taken)) for reward in page],
        next_after=page[-1].reward_id if len(page) == limit else None,
    )


async def view_offers(running: Running, member: Member, short_by: int | None, after: str, limit: int) -> OffersAnswer:
    """What the member can redeem now, is short of, or cannot have and why. Raises ProblemError 404."""
    async with running.pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        catalogue = await _now(connection, running.programs, member[0])
        wallet, profile = await read_wallet(connection, member), await read_profile(connection, member)
        if wallet is None or profile is None:
            raise unknown_member()
        rewards = list(catalogue.rewards.values())
        standing = await read_standing(connection, catalogue, profile, catch_up(wallet)[0], rewards)
        taken = await read_taken(connection, member[0], _counts(catalogue, rewards))
    upcoming = _upcoming(running.programs, catalogue, standing.tier)
    found = offers(catalogue, standing, taken, upcoming, _barred(profile))
    wanted = [one for one in found if short_by is None or one.short_by_at_most(short_by)]
    page = [offer for offer in wanted if offer.reward.reward_id > after][:limit]
    return OffersAnswer(
        program_id=member[0],
        member_id=member[1],
        version=catalogue.version,
        currency=catalogue.pack.currency,
        tier=standing.tier,
        spendable=standing.spendable,
        as_of=catalogue.at,
        business_day=catalogue.today,
        offers=[_offer_answer(offer) for offer in page],
        next_after=page[-1].reward.reward_id if len(page) == limit else None,
    )


async def view_slots(running: Running, program_id: str, reward_id: str, first: date | None, days: int) -> SlotsAnswer:
    """Slots of a booking that are not over. Raises ProblemError 404 for a reward that is no booking offered now."""
    async with running.pool.acquire() as connection:
        catalogue = await _now(connection, running.programs, program_id)
        reward = catalogue.rewards.get(reward_id)
        if not isinstance(reward, ServiceBooking | Upgrade) or not catalogue.is_offered(reward):
            raise ProblemError(404, "NOT_FOUND", f"This program offers no booking {reward_id} now.")
        slots = {slot: when for slot, when in _slots(catalogue, reward, first, days) if not is_over(catalogue, when)}
        counts = {slot: count for slot in slots if (count := slot_count(reward, slot)) is not None}
        taken = await read_taken(connection, program_id, counts.values())
    return SlotsAnswer(
        reward_id=reward_id,
        no_show_points=reward.booking.no_show_points,
        slots=[
            SlotAnswer(
                slot=slot,
                begins_at=when.begins_at,
                free_until=when.free_until,
                left=max(0, counts[slot].allowed - taken[counts[slot]]),
            )
            for slot, when in slots.items()
        ],
    )


def view_quote(running: Running, quote: Quote) -> QuoteAnswer:
    """From what was kept and the version it names alone: the same answer for as long as the quote is kept."""
    program_id, member_id = quote.member
    version = running.programs.version(program_id, quote.version)
    if version is None:  # a version once in force stays known
        raise LookupError(f"version {quote.version} of program {program_id}, which a quote names, is not known")
    catalogue = catalogue_at(version.pack, quote.quoted_at)
    lines = list(_quoted_lines(catalogue, quote))
    return QuoteAnswer(
        quote_id=quote.quote_id,
        program_id=program_id,
        member_id=member_id,
        version=quote.version,
        currency=version.pack.currency,
        quoted_at=quote.quoted_at,
        expires_at=quote.expires_at,
        lines=lines,
        points=sum(line.points for line in lines),
        money_minor=sum(line.money_minor for line in lines),
    )


async def _now(connection: Connection, programs: ProgramBook, program_id: str) -> Catalogue:
    now = await read_clock(connection)
    return catalogue_at(in_force(programs, program_id, now).pack, now)


def _counts(catalogue: Catalogue, rewards: Iterable[AnyReward]) -> list[Count]:
    return [count for reward in rewards for count in stock_counts(reward, catalogue.today)]


def _upcoming(programs: ProgramBook, catalogue: Catalogue, tier: str | None) -> ProgramVersion | None:
    """The version in force once the tier's early view is over; None for a tier that sees nothing earlier."""
    days = early_view_days(catalogue.pack, tier)
    return programs.in_force(catalogue.pack.program_id, catalogue.at + timedelta(days=days)) if days else None


def _barred(profile: Profile) -> RefusedError | None:
    try:
        require_may_redeem(profile)
    except RefusedError as barred:
        return barred
    return None


def _slots(
    catalogue: Catalogue, reward: ServiceBooking | Upgrade, first: date | None, days: int
) -> Iterator[tuple[str, When]]:
    """Every slot of the days, today's first without `first`; none after the last day that can be booked."""
    start = max(first or catalogue.today, catalogue.today)
    for place in range(min(days, (LAST_DAY - start).days)):
        day = (start + timedelta(days=place)).isoformat()
        for slot in [f"{day}T{hour}" for hour in sorted(reward.booking.slots)] or [day]:
            if (when := slot_time(catalogue, reward, slot)) is not None:
                yield slot, when


def _reward_answer(catalogue: Catalogue, reward: AnyReward, left: int | None) -> RewardAnswer:
    price = catalogue.price(reward, None)
    tiers = catalogue.pack.tiers.levels if catalogue.pack.tiers is not None else ()
    of_tiers = {tier.tier_id: catalogue.price(reward, tier.tier_id) for tier in tiers}
    return RewardAnswer(
        reward=_public(reward),
        supplier=reward.quality.supplier if reward.quality is not None else None,
        standard=reward.quality.standard if reward.quality is not None else None,
        price=PriceAnswer.of(price),
        prices=[
            TierPrice(tier=tier, points=one.points, money_minor=one.money_minor)
            for tier, one in of_tiers.items()
            if (one.points, one.money_minor) != (price.points, price.money_minor)
        ],
        left=left,
    )


def _offer_answer(offer: Offer) -> OfferAnswer:
    reward = offer.reward
    return OfferAnswer(
        reward=_public(reward),
        supplier=reward.quality.supplier if reward.quality is not None else None,
        standard=reward.quality.standard if reward.quality is not None else None,
        price=PriceAnswer.of(offer.price),
        can_claim=offer.can_claim,
        points_short=offer.points_short,
        left=offer.left,
        limit_left=offer.limit_left,
        coming_on=offer.coming_on,
        obstacles=[
            ObstacleAnswer(code=why.code.value, detail=why.detail, reason=_reason(offer, place))
            for place, why in enumerate(offer.obstacles)
        ],
    )


def _reason(offer: Offer, place: int) -> Name:
    told = describe(offer.obstacles[place].code)
    return Name(zh_cn=told.zh, en=told.en)


def _quoted_lines(catalogue: Catalogue, quote: Quote) -> Iterator[QuotedLine]:
    for wish in quote.wishes:
        reward, price = catalogue.rewards[wish.reward_id], quote.prices[wish.reward_id]
        claims = -(-wish.quantity // reward.units_per_claim)
        when = slot_time(catalogue, reward, wish.slot)
        booking = _booking(reward)
        yield QuotedLine(
            reward_id=wish.reward_id,
            name=reward.name,
            quantity=wish.quantity,
            claims=claims,
            price=PriceAnswer.of(price),
            points=claims * price.points,
            money_minor=claims * price.money_minor,
            slot=wish.slot,
            begins_at=when.begins_at if when is not None else None,
            free_until=when.free_until if when is not None else None,
            no_show_points=booking.no_show_points if booking is not None else None,
            return_days=reward.return_days,
            return_exclusion=reward.return_exclusion,
        )


def _booking(reward: AnyReward) -> Booking | None:
    return reward.booking if isinstance(reward, ServiceBooking | Upgrade) else None


def _public(reward: AnyReward) -> AnyReward:
    """Who checked it, and in which document, is on file and not the public's."""
    return reward.model_copy(update={"quality": None})


def _reward_id(reward: AnyReward) -> str:
    return reward.reward_id
