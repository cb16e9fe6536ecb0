"""What controls say of a file before it is read as a pack: red lines that the model refuses without naming them."""

from collections.abc import Mapping

from shared.programs.controls import c13_cash_out, c15_financial_attributes, c24_equal_terms
from shared.programs.findings import Finding

_CHECKS = (c13_cash_out.check_written, c15_financial_attributes.check_written, c24_equal_terms.check_written)


def written_findings(document: object) -> tuple[Finding, ...]:
    """`document` holds the plain values of the file."""
    if not isinstance(document, Mapping):
        return ()
    return tuple(found for check in _CHECKS for found in check(document))
