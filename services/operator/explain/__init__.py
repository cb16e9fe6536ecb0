"""`greenpoints explain`: why a receipt, a drop or a referral earned what it earned, recomputed from stored facts."""

from services.operator.explain.command import command

__all__ = ["command"]
