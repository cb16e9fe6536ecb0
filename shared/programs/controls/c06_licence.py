"""C06: a program that needs a telecom licence has one in its pack that covers it; earning judges each event by it.

A warning; a refusal where the compliance role asks for strictness, or says itself which business the program is.
"""

from collections.abc import Iterator

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext
from shared.programs.findings import Finding, finding
from shared.programs.pack import ProgramPack


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    return tuple(_found(pack, context))


def _found(pack: ProgramPack, context: PublishContext) -> Iterator[Finding]:
    business, demanded = pack.telecom_business, context.compliance.telecom_business
    if demanded is not None and business != demanded:
        yield finding(
            ReasonCode.LICENCE_MISSING,
            "error",
            ("telecom_business",),
            "the compliance role has this program down as {business}; write it under telecom_business, and its licence",
            business=demanded,
        )
    elif business is not None and pack.licence is None:
        yield finding(
            ReasonCode.LICENCE_MISSING,
            "error" if context.compliance.strict else "warning",
            ("licence",),
            "{business} needs a telecom licence, and without one no point is issued; write it under licence",
            business=business,
        )
    elif business is not None and pack.licence is not None and business not in pack.licence.scope:
        yield finding(
            ReasonCode.LICENCE_SCOPE,
            "error" if context.compliance.strict else "warning",
            ("licence", "scope"),
            "licence {number} does not cover {business}, so no point is issued; extend it, or correct telecom_business",
            number=pack.licence.number,
            business=business,
        )
