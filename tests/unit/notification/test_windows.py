"""Which causes are told together: by the times Kafka gave their records, never by a clock of ours."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notification.desk import NotificationDesk, Windows
from services.notification.domain.notice import Notice, NoticeKey
from services.notification.domain.template import Template
from services.notification.handlers.on_contact_erased import on_contact_erased
from services.notification.handlers.on_contact_updated import on_contact_updated
from services.notification.handlers.on_points_granted import on_points_granted
from tests.integration.notification.harness import as_delivered, contact, grant, raw

START = datetime(2026, 11, 22, tzinfo=UTC)
WINDOWS = Windows(digest=timedelta(seconds=600), notice=timedelta(seconds=3))
KEY = NoticeKey("fruit-shop", "m-1", Template.POINTS_GRANTED, "")


def desk(newest: Notice | None = None) -> NotificationDesk:
    return NotificationDesk(windows=WINDOWS, newest={KEY: newest} if newest else {})


def tell(at: NotificationDesk, number: int, seconds: int) -> None:
    on_points_granted(as_delivered(grant(f"g{number}", 1), number, START + timedelta(seconds=seconds)), at)


def whole(seconds: list[int]) -> dict[str, int]:
    """Notice → causes, where nothing closes before the end."""
    told = desk()
    for number, second in enumerate(seconds):
        tell(told, number, second)
    return {str(opened.notice.notice_id): opened.notice.causes for opened in told.opened.values()}


rising = st.lists(st.integers(0, 3000), min_size=1, max_size=40).map(sorted)


@given(rising)
def test_no_window_is_longer_than_itself_and_each_cause_is_in_one(seconds: list[int]) -> None:
    told = whole(seconds)
    assert sum(told.values()) == len(seconds)
    assert len(told) <= 1 + (seconds[-1] - seconds[0]) // 600


@given(rising, st.data())
def test_where_batches_begin_changes_nothing(seconds: list[int], data: st.DataObject) -> None:
    """A batch loads the newest notice and goes on as if it had decided the earlier ones itself."""
    cuts = data.draw(st.sets(st.integers(0, len(seconds))))
    told: dict[str, int] = {}
    now = desk()
    for number, second in enumerate(seconds):
        if number in cuts:
            now = desk(now.newest.get(KEY))
        tell(now, number, second)
        notice = now.newest[KEY]
        told[str(notice.notice_id)] = notice.causes
    assert told == whole(seconds)


@given(rising, st.data())
def test_a_window_closed_early_moves_no_other(seconds: list[int], data: st.DataObject) -> None:
    """However early the sweeper closed: the whole log's notices are all there, and at most the rests beside them."""
    closings = data.draw(st.sets(st.integers(0, len(seconds))))
    now = desk()
    opened: set[str] = set()
    causes = 0
    for number, second in enumerate(seconds):
        if number in closings and KEY in now.newest:
            before = now.newest[KEY]
            now = desk(Notice(before.notice_id, KEY, before.due_at, before.points, before.causes, is_open=False))
        tell(now, number, second)
        opened |= {str(notice_id) for notice_id in now.opened}
        causes += 1
    assert set(whole(seconds)) <= opened
    assert causes == len(seconds)


def test_a_repeat_in_the_same_batch_joins_nothing() -> None:
    told = desk()
    tell(told, 1, 0)
    tell(told, 1, 5)
    assert told.newest[KEY].causes == 1


def test_an_erasure_takes_what_the_batch_said_before_it_and_nothing_after() -> None:
    told = NotificationDesk()
    on_contact_updated(as_delivered(contact(), 0, START), told)
    on_contact_erased(raw(1, b"fruit-shop/m-1", None), told)
    assert told.contacts[("fruit-shop", "m-1")] is None
    on_contact_updated(as_delivered(contact(event="2"), 2, START), told)
    kept = told.contacts[("fruit-shop", "m-1")]
    assert kept is not None
    assert "example" not in repr(kept)  # a desk may be logged
