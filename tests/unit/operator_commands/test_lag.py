"""When waiting for the services to come to an end has no use any more."""

from services.operator.lag import Lag, Patience


def lag(left: int, handled: int) -> Lag:
    return Lag({"earning": left, "redemption": 0}, {"earning": 0, "redemption": 0}, handled)


def test_services_that_handle_events_are_waited_for_though_ever_more_is_left() -> None:
    patience = Patience(10, now=0)
    assert [patience.gave_out(lag(100 + now, handled=now), now) for now in range(0, 199, 9)] == [None] * 23


def test_an_outbox_that_empties_is_progress_too() -> None:
    patience = Patience(10, now=0)
    assert [patience.gave_out(lag(100 - now, handled=5), now) for now in range(0, 99, 9)] == [None] * 11


def test_services_that_stand_still_are_given_up_after_the_time_allowed() -> None:
    patience = Patience(10, now=0)
    assert patience.gave_out(lag(50, handled=7), 0) is None
    assert patience.gave_out(lag(60, handled=8), 9) is None
    assert patience.gave_out(lag(60, handled=8), 19) is None
    assert patience.gave_out(lag(60, handled=8), 20) == "The services handled nothing more for 10 s"


def test_events_that_go_in_a_circle_are_not_waited_for_for_ever() -> None:
    patience = Patience(10, now=0)
    told = [patience.gave_out(lag(1, handled=now), now) for now in range(0, 203, 2)]
    assert told[:101] == [None] * 101
    assert told[101] == "The services did not come to an end in 200 s"
