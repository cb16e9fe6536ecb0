"""Who may do what. A role is given to a person by an admin; pages ask for rights, never for roles."""

from collections.abc import Mapping
from enum import StrEnum


class Role(StrEnum):
    """An operator's role."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    COMPLIANCE = "compliance"
    ADMIN = "admin"


class Right(StrEnum):
    """What a page or a button asks for."""

    LOOK = "LOOK"
    SEE_IDS = "SEE_IDS"  # whole member and card ids; without it they are masked
    HANDLE_DEAD_LETTERS = "HANDLE_DEAD_LETTERS"
    VERIFY_SEALS = "VERIFY_SEALS"
    READ_ACTIONS = "READ_ACTIONS"
    MANAGE_OPERATORS = "MANAGE_OPERATORS"


RIGHTS: Mapping[Role, frozenset[Right]] = {
    Role.VIEWER: frozenset({Right.LOOK}),
    Role.OPERATOR: frozenset({Right.LOOK, Right.SEE_IDS, Right.VERIFY_SEALS, Right.HANDLE_DEAD_LETTERS}),
    Role.REVIEWER: frozenset({Right.LOOK, Right.SEE_IDS, Right.VERIFY_SEALS}),
    Role.COMPLIANCE: frozenset({Right.LOOK, Right.SEE_IDS, Right.VERIFY_SEALS, Right.READ_ACTIONS}),
    Role.ADMIN: frozenset(Right),
}
