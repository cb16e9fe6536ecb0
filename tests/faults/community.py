"""The recycling community's part of the traffic: drops, referrals, addresses, and what fraud monitoring finds.

As in cases.py each case has members of its own, and a lane keeps its order; earning reads a lane of one topic in
order, and of two in any. A detector's set is exactly as large as its threshold: what it names then is all of it,
whoever came last, while of a larger set it would name those that came first.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from random import Random

from tests.faults.neighbours import COMMUNITY, DEVICE_SHARED_BY, Neighbours, counted, lane, weighed
from tests.faults.record import LEAVING_PREFIX, SUSPECT_PREFIX, Record, Review, Spend, Unit

_VELOCITY = 15  # purchases within the hour
_QUICK_REFUNDS = 3
_RING = 3  # invited by one member, seen on one device
_BAG_GRAMS = 50_000  # three are the weight that nobody carries in a day, and each fits into the station
_REFUSED = 409


class Community:
    """Collects `base`, `settled`, `lanes`, `spends`, `reviews` and `last_spends`; see Traffic for what each is.

    `repeatable` are events of the lanes that may come once more at any time.
    """

    def __init__(self, random: Random, run: str, until: datetime) -> None:
        self.base: list[Record] = []
        self.settled: list[Record] = []
        self.lanes: list[list[Unit]] = []
        self.spends: list[Spend] = []
        self.reviews: list[Review] = []
        self.last_spends: list[Spend] = []
        self._random = random
        self._run = run
        self._they = Neighbours(until)

    @property
    def repeatable(self) -> list[Record]:
        """All that has a value: an erasure repeated would be another one."""
        return [unit[0] for lane_ in self.lanes for unit in lane_ if unit[0].value is not None]

    def fill(self, records: int) -> None:
        """Every case once, then again in turn until there are about that many records."""
        ways: Sequence[Callable[[str], None]] = (
            self._brings,
            self._rejected_before_it_was_brought,
            self._refused_drops,
            self._brings_before_registering,
            self._rejected_for_another,
            self._referred_then_buys,
            self._buys_then_referred,
            self._buys_and_is_referred,
            self._first_order_comes_back,
            self._refunded_before_referred,
            self._one_level_only,
            self._refers_wrongly,
            self._inviter_registers_late,
            self._gets_mail,
            self._gets_none,
            self._leaves,
            self._shares_a_device,
            self._is_reviewed,
            self._buys_too_fast,
            self._brings_too_much,
            self._is_a_ring,
            self._refunds_soon,
        )
        round_ = 0
        while round_ == 0 or self._size() < records:
            for way in ways:
                way(f"{way.__name__.strip('_').replace('_', '-')}-{self._run}-{round_}")
            round_ += 1

    def _size(self) -> int:
        return len(self.base) + len(self.settled) + sum(len(unit) for lane_ in self.lanes for unit in lane_)

    def _join(self, *names: str, mail: bool = True) -> None:
        """Registered in the base, with an address unless said otherwise."""
        for name in names:
            self.base.append(self._they.registered(name, locale=self._random.choice(("zh-CN", "en", None))))
            if mail:
                self.base.append(self._they.contact(name))

    def _fen(self) -> int:
        return self._random.randint(300, 9_000)

    # Drops

    def _brings(self, name: str) -> None:
        """By weight, by piece and by factor; some of it is rejected, twice, and more than there was."""
        self._join(name)
        they = self._they
        cans, paper = weighed("aluminium_cans", 1_200), weighed("cardboard", self._random.randint(400, 9_000))
        bottles = counted("glass_bottle", self._random.randint(1, 20))
        self.lanes.append(
            lane(
                they.dropped(name, 0, paper, cans),
                they.dropped(name, 1, bottles, weighed("textiles", 2_700), photo=True),
                they.rejected(name, 0, weighed("cardboard", 300)),
                they.dropped(name, 2, bottles, weighed("glass", 5_000)),  # no photo of the bottles
                they.rejected(name, 1, bottles, weighed("textiles", 9_000)),
                they.dropped(name, 0, paper, cans, event_id=f"{name}-again"),
                twice=(0, 2),
            )
        )

    def _rejected_before_it_was_brought(self, name: str) -> None:
        self._join(name)
        cans = weighed("aluminium_cans", 2_000)
        self.lanes.append(
            lane(
                self._they.rejected(name, 0, weighed("aluminium_cans", 500)),
                self._they.dropped(name, 0, cans, weighed("newspaper", 4_000)),
                self._they.rejected(name, 1, cans),
                self._they.dropped(name, 1, cans),
                twice=(0, 3),
            )
        )

    def _refused_drops(self, name: str) -> None:
        self._join(name, mail=False)
        they, paper = self._they, weighed("mixed_paper", 2_000)
        self.lanes.append(
            lane(
                they.dropped(name, 0, paper, station="kiosk-nowhere"),
                they.dropped(name, 1, weighed("mixed_paper", 70_000)),
                they.dropped(name, 2, paper, calibrated_days=700),
                they.dropped(name, 3, weighed("electronics", 3_000)),
                they.dropped(name, 4, paper, weighed("electronics", 3_000)),
                they.dropped(name, 5, weighed("pet", 300)),
                they.dropped(name, 6, paper, key=f"{COMMUNITY}/elsewhere-{name}"),
            )
        )

    def _brings_before_registering(self, name: str) -> None:
        """Nothing is rejected here: a rejection that waits and one that does not are decided otherwise."""
        drops = [self._they.dropped(name, place, weighed("steel_cans", 3_000)) for place in range(2)]
        self.lanes += [lane(*drops, twice=(0,)), lane(self._they.registered(name))]

    def _rejected_for_another(self, name: str) -> None:
        """The drop is in the base: else the rejection, at another key, might come first."""
        other = f"{name}-other"
        self._join(name, other, mail=False)
        self.settled.append(self._they.dropped(name, 0, weighed("copper_wire", 1_500)))
        self.lanes.append(lane(self._they.rejected(name, 0, weighed("copper_wire", 1_500), by=other)))

    # Referrals

    def _referred_then_buys(self, name: str) -> None:
        """The second order qualifies nothing more; the invitee agreed to be invited to things."""
        inviter = f"{name}-inviter"
        self._join(inviter)
        self.base += [self._they.registered(name, consents={"marketing": True}), self._they.contact(name)]
        self.settled.append(self._they.accepted(inviter, name))
        self.lanes.append(lane(*(self._they.bought(name, place, self._fen()) for place in range(2)), twice=(0,)))

    def _buys_then_referred(self, name: str) -> None:
        inviter = f"{name}-inviter"
        self._join(name, inviter)
        self.settled.append(self._they.bought(name, 0, self._fen()))
        self.lanes.append(lane(self._they.accepted(inviter, name), twice=(0,)))

    def _buys_and_is_referred(self, name: str) -> None:
        """In any order."""
        inviter = f"{name}-inviter"
        self._join(name, inviter)
        self.lanes += [lane(self._they.bought(name, 0, self._fen())), lane(self._they.accepted(inviter, name))]

    def _first_order_comes_back(self, name: str) -> None:
        """In part first, then whole: both rewards go back, and the next order qualifies nothing."""
        inviter, they = f"{name}-inviter", self._they
        self._join(name, inviter)
        self.settled.append(they.accepted(inviter, name))
        nets = (self._fen(), self._fen())
        self.lanes.append(
            lane(
                they.bought(name, 0, *nets),
                they.refunded(name, 0, ("1", nets[0]), word="part"),
                they.refunded(name, 0, ("2", nets[1])),
                they.bought(name, 1, self._fen()),
                twice=(2,),
            )
        )

    def _refunded_before_referred(self, name: str) -> None:
        inviter = f"{name}-inviter"
        self._join(name, inviter, mail=False)
        net = self._fen()
        self.settled += [self._they.bought(name, 0, net), self._they.refunded(name, 0, ("1", net))]
        self.lanes.append(lane(self._they.accepted(inviter, name)))

    def _one_level_only(self, name: str) -> None:
        top, middle = f"{name}-top", f"{name}-middle"
        self._join(name, top, middle)
        self.settled += [self._they.accepted(top, middle), self._they.accepted(middle, name)]
        self.lanes.append(lane(self._they.bought(name, 0, self._fen())))

    def _refers_wrongly(self, name: str) -> None:
        """Oneself; and who was invited already."""
        inviter = f"{name}-inviter"
        self._join(name, inviter, mail=False)
        self.lanes.append(
            lane(
                self._they.accepted(name, name, "self"),
                self._they.accepted(inviter, name),
                self._they.accepted(f"{name}-nobody", name, "second"),
            )
        )

    def _inviter_registers_late(self, name: str) -> None:
        inviter = f"{name}-inviter"
        self._join(name)
        self.settled.append(self._they.accepted(inviter, name))
        self.lanes += [lane(self._they.bought(name, 0, self._fen())), lane(self._they.registered(inviter))]

    # Addresses and consents

    def _gets_mail(self, name: str) -> None:
        """At the second of two addresses."""
        self._join(name)
        self.settled.append(self._they.contact(name, "new"))
        nets = (self._fen(), self._fen())
        self.lanes.append(
            lane(
                self._they.bought(name, 0, *nets),
                self._they.bought(name, 1, self._fen()),
                self._they.refunded(name, 0, ("2", nets[1])),
                twice=(1, 2),
            )
        )

    def _gets_none(self, name: str) -> None:
        """Opted out at once, or later; a child without a guardian's word; an address taken back; never one given."""
        they = self._they
        ways = {
            "refused": they.registered(f"{name}-refused", consents={"email": False}),
            "later": they.registered(f"{name}-later"),
            "child": they.registered(f"{name}-child", birth_year=2016),
            "erased": they.registered(f"{name}-erased"),
            "unreachable": they.registered(f"{name}-unreachable"),
        }
        for way, registration in ways.items():
            member_id = f"{name}-{way}"
            self.base.append(registration)
            if way != "unreachable":
                self.base.append(they.contact(member_id))
            if way == "later":
                self.settled.append(they.updated(member_id, {"email": False}))
            if way == "erased":
                self.settled.append(they.erased(member_id))
            self.lanes.append(lane(they.bought(member_id, 0, self._fen()), they.bought(member_id, 1, self._fen())))

    def _leaves(self, name: str) -> None:
        member_id = f"{LEAVING_PREFIX}{name}"
        self._join(member_id)
        self.lanes += [
            lane(*(self._they.bought(member_id, place, self._fen()) for place in range(4))),
            lane(self._they.erased(member_id)),
        ]

    # What fraud monitoring finds

    def _shares_a_device(self, name: str) -> None:
        """Found before they earn anything: whatever comes is held, and nobody ever decides."""
        for member_id in self._crowd(name):
            purchases = (self._they.bought(member_id, 1 + place, self._fen()) for place in range(2))
            self.lanes.append(lane(*purchases, twice=(0,)))
            self.last_spends.append(Spend(member_id, 1, f"{member_id}-held", _REFUSED, COMMUNITY))

    def _is_reviewed(self, name: str) -> None:
        """Held with what they have: one crowd is left alone, one is released, one is confirmed."""
        for verdict in (None, "release", "confirm"):
            crowd = self._crowd(f"{SUSPECT_PREFIX}{name}-{verdict}", earning=True)
            for member_id in crowd:
                if verdict is None:
                    self.spends.append(Spend(member_id, 1, f"{member_id}-held", _REFUSED, COMMUNITY))
                status = 201 if verdict == "release" else _REFUSED
                self.last_spends.append(Spend(member_id, 1, f"{member_id}-last", status, COMMUNITY))
            if verdict == "release":
                self.reviews.append(Review(crowd[0], "release"))
            elif verdict == "confirm":
                self.reviews.append(Review(crowd[0], "confirm"))

    def _crowd(self, name: str, *, earning: bool = False) -> list[str]:
        """So many on one device, within the hour; used goods earn beside."""
        crowd = [f"{name}-{number}" for number in range(DEVICE_SHARED_BY)]
        self._join(*crowd)
        for member_id in crowd:
            self.settled.append(
                self._they.bought(member_id, 0, self._fen(), days_ago=9, used=False, device=f"phone-{name}")
            )
            if earning:
                self.settled.append(self._they.bought(member_id, 1, self._fen()))
        return crowd

    def _buys_too_fast(self, name: str) -> None:
        member_id = f"{SUSPECT_PREFIX}{name}"
        self._join(member_id)
        purchases = (self._they.bought(member_id, place, self._fen(), days_ago=8) for place in range(_VELOCITY))
        self.lanes.append(lane(*purchases, twice=(3, 9, _VELOCITY - 1)))

    def _brings_too_much(self, name: str) -> None:
        member_id = f"{SUSPECT_PREFIX}{name}"
        self._join(member_id)
        bags = (self._they.dropped(member_id, place, weighed("cardboard", _BAG_GRAMS)) for place in range(3))
        self.lanes.append(lane(*bags, twice=(1, 2)))

    def _is_a_ring(self, name: str) -> None:
        """Link and purchase of each in any order, all on one device."""
        leader = f"{SUSPECT_PREFIX}{name}-leader"
        self._join(leader)
        for number in range(_RING):
            member_id = f"{SUSPECT_PREFIX}{name}-{number}"
            self._join(member_id, mail=False)
            purchase = self._they.bought(member_id, 0, self._fen(), days_ago=6, device=f"phone-{name}")
            self.lanes += [lane(purchase, twice=(0,)), lane(self._they.accepted(leader, member_id))]

    def _refunds_soon(self, name: str) -> None:
        member_id = f"{SUSPECT_PREFIX}{name}"
        self._join(member_id)
        events = []
        for place in range(_QUICK_REFUNDS):
            nets = (self._fen(), self._fen())
            events += [
                self._they.bought(member_id, place, *nets, days_ago=7),
                self._they.refunded(member_id, place, ("1", nets[0]), days_ago=7),
            ]
        self.lanes.append(lane(*events, twice=(1, 5)))
