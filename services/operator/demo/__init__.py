"""`greenpoints demo`: the fruit shop's traffic through everything, live, compared and audited."""

from services.operator.demo.command import command

__all__ = ["command"]
