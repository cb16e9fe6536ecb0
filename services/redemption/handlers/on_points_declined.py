"""points.declined: nothing was issued, so no wallet changes."""

from services.redemption.desk import RedemptionDesk
from shared.runtime.batch import Delivered, Fate


def on_points_declined(_delivered: Delivered, _desk: RedemptionDesk) -> Fate:
    """Earning keeps the refusal and its reason; here it is counted as ignored."""
    return Fate.IGNORED
