"""Whether a drop's weighing can be believed (C11): its station, scales, weight and calibration."""

from collections.abc import Mapping
from datetime import date, timedelta

from shared.events.reason_codes import ReasonCode
from shared.events.recycling_collected import RecyclingCollected
from shared.programs.pack import Station


def refusal_of_weighing(
    drop: RecyclingCollected, dropped_on: date, stations: Mapping[str, Station]
) -> ReasonCode | None:
    """Why nothing of the drop earns; `dropped_on` is its calendar date in the program's time zone.

    A station or scale that the pack does not know is no evidence (C09). A weight equal to the capacity passes, and
    so does a calibration on its last day.
    """
    station = stations.get(drop.station_id)
    if station is None:
        return ReasonCode.EVIDENCE_MISSING
    weighed = [item for item in drop.items if item.grams is not None]
    if station.scales and any(item.scale_id not in station.scales for item in weighed):
        return ReasonCode.EVIDENCE_MISSING
    if sum(item.grams or 0 for item in weighed) > station.capacity_grams:
        return ReasonCode.WEIGHT_IMPLAUSIBLE
    if weighed and station.calibration_days is not None and not _is_calibrated(drop, dropped_on, station):
        return ReasonCode.SCALE_CALIBRATION_EXPIRED
    return None


def _is_calibrated(drop: RecyclingCollected, dropped_on: date, station: Station) -> bool:
    calibrated_on, days = drop.scale_calibrated_on, station.calibration_days or 0
    return calibrated_on is not None and calibrated_on <= dropped_on <= calibrated_on + timedelta(days=days)
