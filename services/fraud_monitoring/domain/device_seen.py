"""What travels from a member's partition to a device's: a purchase on a device, and who invited its buyer."""

import msgspec

from services.fraud_monitoring.domain.seen import Seen

DEVICES_OF_A_MEMBER = 16


class DeviceSeen(msgspec.Struct, frozen=True):
    """`invited` says that the buyer was invited, by `invited.other`."""

    program_id: str
    device: str
    member: Seen
    invited: Seen | None = None


class Links(msgspec.Struct, frozen=True, array_like=True):
    """What is known of one member: who invited them, and the first purchase on each of their devices."""

    referral: Seen | None = None
    devices: dict[str, Seen] = {}


def device_key(program_id: str, device: str) -> str:
    """The record key on the devices' topic and the subject of a device's cases."""
    return f"{program_id}/device/{device}"


def see_purchase(links: Links, device: str, purchase: Seen) -> Links:
    """The first purchase on each device; of very many devices the latest stay."""
    if device in links.devices:
        return links
    devices = {**links.devices, device: purchase}
    while len(devices) > DEVICES_OF_A_MEMBER:
        del devices[min(devices, key=lambda known: (devices[known].at, known))]
    return Links(links.referral, devices)


def see_referral(links: Links, referral: Seen) -> Links:
    """The first inviter stands (C10)."""
    return links if links.referral is not None else Links(referral, links.devices)


def sighting(program_id: str, device: str, purchase: Seen, links: Links) -> DeviceSeen:
    """The purchase as the device's partition counts it: its buyer, once per step, and the referral if there is one.

    The referral counts at the purchase's time, and arrived when the later of the two did: the same in either order.
    """
    member = msgspec.structs.replace(purchase, identity=purchase.member)
    referral = links.referral
    if referral is None:
        return DeviceSeen(program_id, device, member)
    invited = msgspec.structs.replace(
        referral, identity=purchase.member, at=purchase.at, arrival=max(purchase.arrival, referral.arrival)
    )
    return DeviceSeen(program_id, device, member, invited)
