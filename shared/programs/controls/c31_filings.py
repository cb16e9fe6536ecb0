"""C31: filing, assessment and credit certificate are on file on the day the version takes effect.

A warning; a refusal where the compliance role asks for strictness.
"""

from datetime import date

from shared.events.reason_codes import ReasonCode
from shared.programs.controls.context import Previous, PublishContext, judged_on
from shared.programs.findings import Finding, Term, finding
from shared.programs.pack import ProgramPack

NEEDED = ("filing", "assessment", "credit_certificate")


def check(pack: ProgramPack, _previous: Previous, context: PublishContext) -> tuple[Finding, ...]:
    day = judged_on(pack, context)
    return tuple(
        finding(
            ReasonCode.FILING_MISSING,
            "error" if context.compliance.strict else "warning",
            ("filings",),
            "no {kind} is on file that is good on {day}; file it and write it under filings",
            kind=Term(kind),
            day=day,
        )
        for kind in NEEDED
        if not _on_file(pack, kind, day)
    )


def _on_file(pack: ProgramPack, kind: str, day: date) -> bool:
    return any(
        paper.kind == kind and paper.issued_on <= day and (paper.valid_to is None or day <= paper.valid_to)
        for paper in pack.filings
    )
