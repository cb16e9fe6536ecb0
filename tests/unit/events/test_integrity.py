"""The cheap screen for duplicate keys is sound: whatever it lets through holds none."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.integrity import MAX_INTEGER, is_clean, load_json
from shared.events.rejected import Rejected

SPACES = st.sampled_from(["", "", "", " ", "\n", "\t", "\r", "  "])
# Characters that the screen counts, and the ways to spell them.
SPELLINGS = {
    '"': ['\\"', "\\u0022"],
    ":": [":", ":", "\\u003a", "\\u003A"],
    "\\": ["\\\\", "\\u005c"],
    "/": ["/", "\\/"],
    "a": ["a", "a", "\\u0061"],
    "苹": ["苹", "\\u82f9"],
    "\n": ["\\n"],
}


@st.composite
def spelled_strings(draw: st.DrawFn) -> str:
    text = draw(st.text(alphabet=list(SPELLINGS), max_size=3))
    return '"' + "".join(draw(st.sampled_from(SPELLINGS[char])) for char in text) + '"'


@st.composite
def spelled_objects(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    members = draw(st.lists(st.tuples(spelled_strings(), SPACES, SPACES, values), max_size=4))
    return "{" + ",".join(f"{key}{before}:{after}{value}" for key, before, after, value in members) + "}"


def spelled_arrays(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=3).map(lambda items: "[" + ",".join(items) + "]")


NUMBERS = st.one_of(
    st.integers(-9, 9), st.integers(MAX_INTEGER - 2, MAX_INTEGER + 2), st.integers(-(2**80), 2**80)
).map(str)
TEXTS = st.recursive(
    st.one_of(spelled_strings(), NUMBERS, st.sampled_from(["null", "true", "1.5"])),
    lambda values: st.one_of(spelled_objects(values), spelled_arrays(values)),
    max_leaves=12,
)


def flaws(text: str) -> list[str]:
    """What an exact reading with the standard library objects to."""
    found: list[str] = []

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) != len(pairs):
            found.append("duplicate")
        return dict(pairs)

    def integer(digits: str) -> int:
        if not -MAX_INTEGER <= int(digits) < MAX_INTEGER:
            found.append("integer")
        return int(digits)

    json.loads(text, object_pairs_hook=members, parse_int=integer)
    return found


@given(TEXTS)
def test_the_screen_lets_no_flaw_through(text: str) -> None:
    raw = text.encode()
    if is_clean(raw, orjson.dumps(orjson.loads(raw))):
        assert flaws(text) == []


@given(TEXTS)
def test_load_refuses_exactly_the_flawed(text: str) -> None:
    if flaws(text):
        with pytest.raises(Rejected):
            load_json(text.encode())
    else:
        assert load_json(text.encode()) == json.loads(text)


@pytest.mark.parametrize("text", ['{"a":1,"b":{"c":"d"},"e":[{"a":2}]}', '{"a\\":b":"\\":","苹":1}', "[]"])
def test_ordinary_texts_pass_the_screen(text: str) -> None:
    assert is_clean(text.encode(), orjson.dumps(orjson.loads(text)))
