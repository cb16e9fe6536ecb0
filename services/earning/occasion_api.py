"""Earning's HTTP route for what is earned without a purchase: sign-ups, birthdays, activities, corrections."""

from typing import Any

from fastapi import APIRouter, Depends

from services.earning.explained_occasions import explained_occasions
from shared.runtime.http import ProblemError, operator_guard
from shared.runtime.service import Running


def occasion_routes(running: Running) -> APIRouter:
    """Read-only; the operator's token is asked for."""
    guard = operator_guard(running.settings.operator_token.get_secret_value())
    router = APIRouter(prefix="/v1", tags=["earning"], dependencies=[Depends(guard)])

    @router.get("/programs/{program_id}/occasions/{wanted:path}")
    async def occasions(program_id: str, wanted: str) -> dict[str, list[dict[str, Any]]]:
        """Of a correction's id, an event's, or a member's: that member's reward for joining and birthdays."""
        found = await explained_occasions(running, program_id, wanted) if running.programs.knows(program_id) else []
        if not found:
            raise ProblemError(
                404,
                "NOT_FOUND",
                f"Program {program_id} knows no correction {wanted}, no activity, birthday or registration by an event "
                "of that id, and no member of that id who was rewarded for joining or a birthday (yet).",
            )
        return {"occasions": found}

    return router
