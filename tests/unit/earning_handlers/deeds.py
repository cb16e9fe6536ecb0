"""A neighbourhood's events for the tests of drops and referrals: who registers, invites, buys, recycles."""

from datetime import timedelta
from typing import Any

import orjson

from services.earning.desk import EarningDesk, SliceEntry
from services.earning.domain.program import compile_program
from shared.events.member_registered import MemberRegistered
from shared.events.purchase_refunded import PurchaseRefunded, RefundLine
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted
from shared.programs.pack import Factor, ProgramPack, Station
from shared.programs.rules import AnyRule, MaterialRule, ReferralRule
from shared.programs.versions import ProgramBook, ProgramVersion
from tests.unit.earning.builders import NOON, ONE_PER_YUAN, line, pack, purchase
from tests.unit.earning_handlers.test_histories import Happening

CLIMATE = MaterialRule(
    rule_id="climate",
    budget_id="green",
    materials=("cardboard", "pet", "aluminium_cans", "electronics"),
    points=1,
    per_grams_co2e=1_000,
)
TEXTILES = MaterialRule(rule_id="textiles", budget_id="green", materials=("textiles",), points=4, per_grams=1_000)
BOTTLES = MaterialRule(
    rule_id="bottles", budget_id="green", materials=("bottle",), points=1, per_pieces=1, needs_photo=True
)
INVITER = ReferralRule(rule_id="inviter", budget_id="marketing", side="inviter", points=100)
INVITEE = ReferralRule(rule_id="invitee", budget_id="marketing", side="invitee", points=50)
FACTORS = tuple(
    Factor(material=material, grams_co2e_per_kg=grams, source="US EPA WARM", version="v16", region="US")
    for material, grams in (("cardboard", 3_460), ("pet", 1_150), ("aluminium_cans", 10_060))
)
KIOSK = Station(station_id="kiosk", capacity_grams=60_000, scales=("scale",), calibration_days=365)
PHOTO = "0" * 64


def neighbourhood(*rules: AnyRule) -> ProgramPack:
    return pack(
        *(rules or (ONE_PER_YUAN, CLIMATE, TEXTILES, BOTTLES, INVITER, INVITEE)),
        max_event_age_days="unlimited",
        stations=(KIOSK,),
        factors=FACTORS,
    )


def empty_desk(terms: ProgramPack | None = None) -> EarningDesk:
    """Nobody is registered yet; plenty of budget."""
    terms = terms or neighbourhood()
    version = ProgramVersion.of(terms, terms.effective_at, terms.effective_at)
    desk = EarningDesk(
        programs=ProgramBook().with_record(version), compiled={("fruit-shop", 1): compile_program(terms)}
    )
    for budget in terms.budgets:
        desk.slices["fruit-shop", budget.budget_id] = SliceEntry(budget.approved_minor, 0)
    return desk


def registers(member_id: str, *, phone_verified: bool = True, listed_party: bool = False) -> Happening:
    data = MemberRegistered(
        program_id="fruit-shop",
        member_id=member_id,
        registered_at=NOON,
        phone_verified=phone_verified,
        listed_party=listed_party,
    )
    return Happening(f"reg-{member_id}", data, NOON)


def accepts(invitee_id: str, inviter_id: str, event_id: str | None = None) -> Happening:
    data = ReferralAccepted(program_id="fruit-shop", inviter_id=inviter_id, invitee_id=invitee_id)
    return Happening(event_id or f"link-{invitee_id}", data, NOON + timedelta(minutes=1))


def buys(member_id: str, receipt_id: str, *nets: int, hours: int = 1) -> Happening:
    lines = [line(net, line_id=str(place)) for place, net in enumerate(nets, 1)]
    data = purchase(*lines, receipt_id=receipt_id, member_id=member_id)
    return Happening(f"buy-{receipt_id}", data, NOON + timedelta(hours=hours))


def gives_back(bought: Happening, *line_ids: str, name: str = "back", member: bool = True, days: int = 1) -> Happening:
    """A refund of these lines of a receipt, or of all."""
    receipt = bought.data
    lines = tuple(
        RefundLine(line_id=one.line_id, sku=one.sku, quantity=one.quantity, net_minor=one.net_minor)
        for one in receipt.lines  # type: ignore[attr-defined]
        if not line_ids or one.line_id in line_ids
    )
    data = PurchaseRefunded(
        program_id="fruit-shop",
        merchant_id="m-1",
        refund_id=name,
        receipt_id=receipt.receipt_id,  # type: ignore[attr-defined]
        member_id=receipt.member_id if member else None,  # type: ignore[attr-defined]
        currency="CNY",
        lines=lines,
    )
    return Happening(name, data, NOON + timedelta(days=days))


def weighed(material: str, grams: int) -> RecyclingItem:
    return RecyclingItem(material=material, grams=grams, scale_id="scale")


def counted(material: str, pieces: int) -> RecyclingItem:
    return RecyclingItem(material=material, pieces=pieces)


def drop(*items: RecyclingItem, drop_id: str = "d1", member_id: str = "alice", **changes: object) -> RecyclingCollected:
    fields: dict[str, object] = {
        "program_id": "fruit-shop",
        "station_id": "kiosk",
        "drop_id": drop_id,
        "member_id": member_id,
        "items": items,
        "photo_sha256": PHOTO,
        "scale_calibrated_on": NOON.date(),
        **changes,
    }
    return RecyclingCollected(**fields)  # type: ignore[arg-type]


def brings(*items: RecyclingItem, **changes: object) -> Happening:
    data = drop(*items, **changes)  # type: ignore[arg-type]
    return Happening(f"drop-{data.drop_id}", data, NOON + timedelta(hours=2))


def rejects(*items: RecyclingItem, drop_id: str = "d1", member_id: str = "alice", name: str = "rejected") -> Happening:
    data = RecyclingRejected(
        program_id="fruit-shop",
        station_id="kiosk",
        drop_id=drop_id,
        member_id=member_id,
        items=items,
        reason="mixed with waste",
    )
    return Happening(name, data, NOON + timedelta(hours=3))


def balances(desk: EarningDesk) -> dict[str, int]:
    """What each member was granted less what was clawed back, as told: the outbox is what redemption books."""
    owner: dict[str, str] = {}
    points: dict[str, int] = {}
    for row in desk.outbox:
        event: dict[str, Any] = orjson.loads(row.payload or b"{}")
        kind, data = event["type"], event["data"]
        if kind == "greenpoints.points.granted.v1":
            assert data["grant_id"] not in owner, "a grant is told once"
            owner[data["grant_id"]] = data["member_id"]
            points[data["member_id"]] = points.get(data["member_id"], 0) + data["points"]
        elif kind == "greenpoints.points.clawed_back.v1":
            assert owner[data["grant_id"]] == data["member_id"]
            points[data["member_id"]] -= data["points"]
    return points
