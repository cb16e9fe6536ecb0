"""Names, passwords, how often one may try, and where signing in leads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.console.domain.credentials import Attempts, is_name, own_path, password_troubles, tidy_name


def test_a_good_password_has_no_troubles() -> None:
    assert not password_troubles("seven green apples", "seven green apples", "wang")


@pytest.mark.parametrize(
    ("password", "repeated", "trouble"),
    [
        ("short-words", "short-words", "at least 12"),
        ("x7kq" * 51, "x7kq" * 51, "200 characters"),
        ("wang-is-the-best", "wang-is-the-best", "easy to guess"),
        ("aaaaaaaaaaaabb", "aaaaaaaaaaaabb", "easy to guess"),
        ("seven green apples", "seven green Apples", "differ"),
    ],
)
def test_each_bad_password_says_why(password: str, repeated: str, trouble: str) -> None:
    assert any(trouble in sentence for sentence in password_troubles(password, repeated, "wang"))


@pytest.mark.parametrize(
    ("attempts", "too_many"),
    [
        (Attempts(8, 8, 8), False),
        (Attempts(9, 9, 9), True),
        (Attempts(1, 60, 1), False),
        (Attempts(1, 61, 1), True),
        (Attempts(1, 1, 40), False),
        (Attempts(1, 1, 41), True),
    ],
)
def test_attempts_end_at_each_bound(attempts: Attempts, too_many: bool) -> None:
    assert attempts.are_too_many is too_many


@pytest.mark.parametrize("name", ["wang", "li.si", "a1", "ops-2_x"])
def test_plain_names_are_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "a", "Wang", "wang li", "-wang", "王", "a" * 41, "wang\n"])
def test_other_names_are_not(name: str) -> None:
    assert not is_name(name)


@given(st.text())
def test_a_tidied_name_can_be_stored_and_compared(typed: str) -> None:
    tidied = tidy_name(typed)
    assert tidied.isprintable()
    assert len(tidied) <= 200
    assert tidy_name(f" {tidied.upper()} ") == tidy_name(tidied.upper())


@pytest.mark.parametrize("path", ["/", "/stream", "/stream?topic=pos.purchases.v1"])
def test_own_paths_are_followed(path: str) -> None:
    assert own_path(path) == path


@pytest.mark.parametrize(
    "path", [None, "", "stream", "//elsewhere.test", "/\\elsewhere.test", "https://elsewhere.test/", "/a\\b", "/a\r\nb"]
)
def test_other_addresses_lead_home(path: str | None) -> None:
    assert own_path(path) == "/"
