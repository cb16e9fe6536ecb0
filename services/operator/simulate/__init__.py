"""`greenpoints simulate`: what a draft pack would have given for recorded traffic, against the live version."""

from services.operator.simulate.command import command

__all__ = ["command"]
