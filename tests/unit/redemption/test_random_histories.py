"""Whatever happens to a wallet, in whatever order, every point stays accounted for (invariant 1)."""

from datetime import timedelta
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.redemption.domain.balance import Totals, balance
from services.redemption.domain.binding import bind, forfeit, place, release
from services.redemption.domain.claw_back import Policy, claw_back
from services.redemption.domain.debit import debit
from services.redemption.domain.hold import Verdict
from services.redemption.domain.lot import Account, LotState, Movement
from services.redemption.domain.maturity import mature
from services.redemption.domain.wallet import Wallet, open_lot, set_off
from tests.unit.redemption.wallets import NOON, assert_same_books, at, decided, lot, placed, wallet


class AnyHistory(RuleBasedStateMachine):
    """Grants, passing days, debits, claw-backs and holds in any order, as the handlers and the API apply them."""

    def __init__(self) -> None:
        super().__init__()
        self.held: Wallet = wallet()
        self.movements: list[Movement] = []
        self.now = NOON
        self.confirmed = 0  # what persons named to be forfeited
        self.owed = 0  # what claw-backs asked for, counted independently

    @rule(points=st.integers(1, 500), wait=st.sampled_from((0, 1, 7)), life=st.sampled_from((None, 0, 30, 365)))
    def grant(self, points: int, wait: int, life: int | None) -> None:
        day = (self.now - NOON).days
        state = LotState.PENDING if wait else LotState.AVAILABLE
        expires_day = None if life is None else day + wait + life
        granted = lot(
            len(self.held.lots) + 1,
            points,
            posted=state,
            day=day,
            available_day=day + wait,
            expires_day=expires_day,
        )
        self.held = open_lot(self.held, granted)
        self.movements.append(granted.movement(Account.ISSUED, granted.account, granted.points))
        self._bind()
        self._set_off()

    @rule(days=st.integers(1, 10))
    def pass_days(self, days: int) -> None:
        self.now += timedelta(days=days)
        self._mature()

    @precondition(lambda self: self.held.spendable > 0)
    @rule(choice=st.data())
    def spend(self, choice: st.DataObject) -> None:
        self._mature()
        points = choice.draw(st.integers(1, self.held.spendable))
        before = self.held.spendable
        self.held, spent = debit(self.held, points)
        self.movements.extend(spent.movements)
        assert sum(share.points for share in spent.allocations) == points == before - self.held.spendable

    @precondition(lambda self: any(each.recalled < each.points for each in self.held.lots.values()))
    @rule(choice=st.data(), policy=st.sampled_from(Policy))
    def refund(self, choice: st.DataObject, policy: Policy) -> None:
        self._mature()
        open_grants = sorted(each.lot_id for each in self.held.lots.values() if each.recalled < each.points)
        grant_id: UUID = choice.draw(st.sampled_from(open_grants))
        asked = choice.draw(st.integers(1, self.held.lots[grant_id].points - self.held.lots[grant_id].recalled))
        self.held, taken = claw_back(self.held, grant_id, asked, policy)
        self.movements.extend(taken.movements)
        self.owed += asked
        assert taken.taken + taken.set_off + taken.already_gone + taken.deficit + taken.waived == asked
        if policy is Policy.WITHIN_BALANCE:
            assert taken.deficit == 0
        if policy is Policy.DEFICIT:
            assert taken.waived == 0

    @rule(
        grants=st.lists(st.integers(1, 12), max_size=3, unique=True),
        points=st.none() | st.integers(0, 400),
    )
    def place_a_hold(self, grants: list[int], points: int | None) -> None:
        """Of grants that are there or still to come, or of the member."""
        self._mature()
        hold_id = f"h{len(self.held.holds)}"
        self.held = place(self.held, hold_id, placed(*grants, points=points, at=self.now))
        before = self.held.spendable
        self._bind()
        assert self.held.spendable <= before

    @precondition(lambda self: self.held.open_holds)
    @rule(choice=st.data())
    def a_person_decides(self, choice: st.DataObject) -> None:
        self._mature()
        hold_id = choice.draw(
            st.sampled_from(sorted(hold.hold_id for hold in self.held.holds.values() if hold.is_open))
        )
        named = choice.draw(st.none() | st.integers(1, 300))
        free = sum(each.remaining for each in self.held.lots.values())
        if named is not None:
            self.held, lost = forfeit(self.held, hold_id, named)
            self.movements.extend(lost.movements)
            self.confirmed += named
            assert lost.points <= named
        verdict = Verdict.RELEASED if named is None else Verdict.CONFIRMED
        bound = self.held.holds[hold_id].held
        self.held, freed = release(self.held, hold_id, decided(verdict, named, self.now))
        self.movements.extend(freed.movements)
        assert freed.points == bound == sum(each.remaining for each in self.held.lots.values()) - free
        self._bind()
        self._set_off()

    @invariant()
    def nothing_is_forfeited_that_no_person_named(self) -> None:
        assert sum(each.forfeited for each in self.held.lots.values()) <= self.confirmed

    @invariant()
    def every_point_is_accounted_for(self) -> None:
        assert_same_books(self.held, self.movements)
        clawed = sum(m.points for m in self.movements if m.to_account is Account.CLAWED_BACK)
        assert clawed == self.owed

    @invariant()
    def nothing_is_spendable_while_a_deficit_stands(self) -> None:
        assert not (self.held.deficit and self.held.spendable)

    @invariant()
    def the_balance_adds_up(self) -> None:
        matured, _ = mature(at(self.held, self.now))
        lots = matured.lots.values()
        shown = balance(
            matured,
            Totals(
                issued=sum(each.points for each in lots),
                held=sum(each.held for each in lots),
                redeemed=sum(each.redeemed for each in lots),
                forfeited=sum(each.forfeited for each in lots),
                recalled=sum(each.recalled for each in lots),
            ),
        )
        parts = shown.pending + shown.available + shown.held + shown.redeemed + shown.forfeited + shown.clawed_back
        assert shown.issued == parts - shown.deficit - shown.waived
        assert shown.lifetime >= 0

    def _mature(self) -> None:
        self.held, told = mature(at(self.held, self.now))
        for matured in told:
            self.movements.extend(matured.movements)
            self.movements.extend(matured.set_off.movements if matured.set_off else ())
        again, nothing = mature(self.held)
        assert (again, nothing) == (self.held, ())

    def _bind(self) -> None:
        self.held, bound = bind(self.held)
        for each in bound:
            self.movements.extend(each.movements)

    def _set_off(self) -> None:
        self.held, repaid = set_off(self.held)
        self.movements.extend(repaid.movements if repaid else ())


AnyHistory.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestAnyHistory = AnyHistory.TestCase
