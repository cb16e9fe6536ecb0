"""C15: nothing pays on balance × time. No rule kind or field could say so; this names the red line where one tries."""

import re
from collections.abc import Iterator, Mapping

from shared.events.reason_codes import ReasonCode
from shared.programs.findings import Finding, Location, finding

_WORDS = re.compile(
    r"(?:^|_)(?:balances?|holdings?|interest|yield|apr|apy|dividends?|compound|deposits?|loans?|credit_line)(?:_|$)"
    r"|利息|余额|收益|分红|存款"
)


def check_written(document: Mapping[str, object]) -> Iterator[Finding]:
    """Rules as the file writes them: any key, kind or basis that names a balance or what is earned by holding one."""
    yield from _financial_keys(document, ())
    rules = document.get("rules")
    for position, rule in enumerate(rules if isinstance(rules, list) else ()):
        if isinstance(rule, Mapping):
            yield from _of_rule(rule, ("rules", position))


def _of_rule(rule: Mapping[object, object], at: Location) -> Iterator[Finding]:
    yield from _financial_keys(rule, at)
    for key in ("kind", "basis", "per", "of"):
        value = rule.get(key)
        if isinstance(value, str) and _WORDS.search(_as_words(value)):
            yield _found((*at, key), value)


def _financial_keys(part: Mapping[object, object] | Mapping[str, object], at: Location) -> Iterator[Finding]:
    for key in part:
        if isinstance(key, str) and _WORDS.search(_as_words(key)):
            yield _found((*at, key), key)


def _as_words(text: str) -> str:
    return re.sub(r"[^\w]+", "_", text.lower())


def _found(location: Location, word: str) -> Finding:
    return finding(
        ReasonCode.FINANCIAL_ATTRIBUTE_PROHIBITED,
        "error",
        location,
        "{word} would make points earn by being held, like money in a bank; take it out, for deeds alone earn",
        word=word,
    )
