"""The simulated community is repeatable, obeys the contract, knows its own result, and has its ring in it."""

from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
import yaml

from deploy.local.stack import CHECKOUT
from services.operator.traffic.community import place
from services.operator.traffic.community.place import PROGRAM_ID, STATIONS, drop_points
from services.operator.traffic.community.ring import FAMILY_SIZE, RING_SIZE, cast
from services.operator.traffic.community.simulate import simulate_community
from services.operator.traffic.sent import Expectation, Kind, Outcome, Sent
from services.operator.traffic.simulate import run_name
from shared.events.cloudevent import CloudEvent
from shared.events.contact_updated import ContactUpdated
from shared.events.fields import parse_timestamp
from shared.events.kafka_binding import STRUCTURED_HEADERS, decode
from shared.events.purchase_completed import PurchaseCompleted
from shared.events.purchase_refunded import PurchaseRefunded
from shared.events.recycling_collected import RecyclingCollected, RecyclingItem
from shared.events.recycling_rejected import RecyclingRejected
from shared.events.referral_accepted import ReferralAccepted

UNTIL = datetime(2026, 11, 22, 9, tzinfo=UTC)
MEMBERS = 60


def _traffic(seed: int = 1, members: int = MEMBERS) -> list[Sent]:
    return simulate_community(seed=seed, members=members, until=UNTIL)


def _time(sent: Sent) -> datetime:
    return parse_timestamp(sent.attributes["time"])


def _decoded(sent: Sent) -> CloudEvent:
    return decode(sent.topic, sent.key.encode(), sent.structured(), STRUCTURED_HEADERS)


def test_a_seed_gives_the_same_messages_and_another_gives_others() -> None:
    assert _traffic(1) == _traffic(1)
    assert _traffic(1) != _traffic(2)


def test_every_message_is_sound_in_both_modes_and_comes_in_order_of_time() -> None:
    traffic = _traffic()
    for sent in traffic:
        binary = decode(sent.topic, sent.key.encode(), sent.data, sent.binary_headers())
        assert _decoded(sent).content_hash == binary.content_hash
        assert UNTIL - timedelta(days=30) <= _time(sent) <= UNTIL
        assert sent.program_id == PROGRAM_ID
    assert all(_time(earlier) <= _time(later) for earlier, later in pairwise(traffic))
    assert len({sent.attributes["id"] for sent in traffic}) == len(traffic)


def test_everybody_registers_before_anything_else() -> None:
    registered: set[str] = set()
    for sent in _traffic():
        assert sent.member_id is not None
        if sent.kind is Kind.REGISTRATION:
            registered.add(sent.member_id)
        assert sent.member_id in registered
    assert len(registered) == MEMBERS + RING_SIZE + FAMILY_SIZE


def test_people_buy_recycle_and_invite() -> None:
    kinds = Counter(sent.kind for sent in _traffic())
    assert kinds[Kind.PURCHASE] > 100
    assert kinds[Kind.DROP] > 100
    assert kinds[Kind.REFERRAL] > 15
    assert kinds[Kind.REJECTION] > 3
    assert kinds[Kind.CONTACT] > 20


def test_no_address_could_be_anybodys() -> None:
    emails = [data.email for sent in _traffic() if isinstance(data := _decoded(sent).data, ContactUpdated)]
    assert emails
    assert all(email is not None and email.endswith("@example.com") for email in emails)


@pytest.mark.parametrize(("grams", "material", "points"), [
    (2_500, "cardboard", 8), (300, "pet", 0), (1_200, "aluminium_cans", 12),
])  # fmt: skip
def test_the_cited_factors_give_the_known_points(grams: int, material: str, points: int) -> None:
    assert drop_points([RecyclingItem(material=material, grams=grams)]) == points


def test_a_drop_is_rounded_once_per_tariff() -> None:
    """1.29 kg of cardboard and of PET are 4.46 and 1.48 kg of CO2e: 5 points together, 4 + 1 apart."""
    items = [RecyclingItem(material=name, grams=1_290) for name in ("cardboard", "pet")]
    assert drop_points(items) == 5
    assert drop_points([RecyclingItem(material="glass_bottle", pieces=7)]) == 7


def test_the_expectation_equals_a_recount_from_the_events() -> None:
    """Recounted member by member from what the events say, referrals included."""
    expectation = Expectation()
    receipts: dict[str, tuple[str, int]] = {}
    drops: dict[str, tuple[str, tuple[RecyclingItem, ...]]] = {}
    first: dict[str, str] = {}
    inviters: dict[str, str] = {}
    for sent in _traffic():
        expectation.add(sent)
        match _decoded(sent).data:
            case PurchaseCompleted() as sale:
                assert sale.member_id is not None
                receipts[sale.receipt_id] = (sale.member_id, sale.total_minor // 100)
                first.setdefault(sale.member_id, sale.receipt_id)
            case PurchaseRefunded() as back:
                assert back.receipt_id is not None
                receipts[back.receipt_id] = (receipts[back.receipt_id][0], 0)
            case RecyclingCollected() as drop:
                fits = sum(item.grams or 0 for item in drop.items) <= STATIONS[0].capacity_grams
                drops[drop.drop_id] = (drop.member_id, drop.items if fits else ())
            case RecyclingRejected() as rejected:
                member_id, items = drops[rejected.drop_id]
                drops[rejected.drop_id] = (member_id, tuple(item for item in items if item not in rejected.items))
            case ReferralAccepted() as told:
                inviters[told.invitee_id] = told.inviter_id
    net: dict[str, int] = defaultdict(int)
    for member_id, points in receipts.values():
        net[member_id] += points
    for member_id, items in drops.values():
        net[member_id] += drop_points(items)
    for invitee, inviter in inviters.items():
        if receipts[first[invitee]][1]:
            net[invitee] += 50
            net[inviter] += 100
    found = {member_id: member.net for member_id, member in expectation.members.items() if member.net}
    assert found == {member_id: points for member_id, points in net.items() if points}
    qualified = expectation.outcomes[Outcome.REWARDED]
    assert qualified == len(inviters)
    assert expectation.outcomes[Outcome.REWARD_TAKEN] == 1, "one first order comes back whole"
    assert any(inviter in inviters for inviter in inviters.values()), "somebody invited was invited"


def test_the_ring_does_what_each_detector_looks_for_and_the_family_only_shares_a_device() -> None:
    players = cast(run_name(1, UNTIL), UNTIL)
    ring = {person.member_id for person in players.ring}
    devices: dict[str, set[str]] = defaultdict(set)
    grams: Counter[str] = Counter()
    sales: dict[str, list[datetime]] = defaultdict(list)
    refunds: Counter[str] = Counter()
    for sent in _traffic():
        data = _decoded(sent).data
        if isinstance(data, PurchaseCompleted):
            assert data.device_hash is not None and data.member_id is not None
            devices[data.device_hash].add(data.member_id)
            sales[data.member_id].append(_time(sent))
        elif isinstance(data, PurchaseRefunded) and data.member_id in ring:
            refunds[data.member_id] += 1
        elif isinstance(data, RecyclingCollected):
            grams[data.member_id] += sum(item.grams or 0 for item in data.items)
    shared = {device: members for device, members in devices.items() if len(members) > 1}
    assert sorted(map(len, shared.values())) == [5, 5, 5]
    assert {person.member_id for person in players.family} in shared.values()
    assert set.union(*shared.values()) == ring | {person.member_id for person in players.family}
    assert min(refunds[member_id] for member_id in ring) == 3
    heavy = {member_id for member_id, total in grams.items() if total > 150_000}
    assert heavy <= ring and len(heavy) == 2
    hasty = {member_id for member_id, times in sales.items() if _most_within_an_hour(times) >= 15}
    assert hasty <= ring and len(hasty) == 1


def _most_within_an_hour(times: list[datetime]) -> int:
    return max(sum(start <= time < start + timedelta(hours=1) for time in times) for start in times)


def test_a_community_without_members_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one member"):
        simulate_community(seed=1, members=0, until=UNTIL)


def test_the_shipped_pack_says_what_the_simulation_expects() -> None:
    """Written down twice on purpose; who changes one is told here, before a demo fails."""
    file = CHECKOUT / "deploy" / "programs" / "community-recycling.yaml"
    pack = yaml.safe_load(file.read_text(encoding="utf-8"))
    rules = {rule["rule_id"]: rule for rule in pack["rules"]}
    cited = {factor["material"]: factor["grams_co2e_per_kg"] for factor in pack["factors"]}
    assert pack["program_id"] == PROGRAM_ID
    assert {material: int(factor * 1000) for material, factor in place.FACTORS.items()} == {
        material: cited[material] for material in place.FACTORS
    }
    assert place.FACTORS.keys() <= set(rules["climate"]["materials"])
    assert (rules["climate"]["points"], rules["climate"]["per_grams_co2e"]) == (1, 1_000)
    assert (rules["textiles"]["points"], rules["textiles"]["per_grams"]) == (place.POINTS_PER_KG["textiles"], 1_000)
    assert (rules["bottles"]["points"], rules["bottles"]["per_pieces"]) == (place.POINTS_PER_PIECE["glass_bottle"], 1)
    assert (rules["second-hand"]["points"], rules["second-hand"]["per_minor"]) == (1, place.FEN_PER_POINT)
    assert rules["invite-a-friend"]["points"] == place.INVITER_POINTS
    assert rules["invited-by-a-friend"]["points"] == place.INVITEE_POINTS
    stations = {station["station_id"]: station["capacity_grams"] for station in pack["stations"]}
    assert stations == {station.station_id: station.capacity_grams for station in STATIONS}
