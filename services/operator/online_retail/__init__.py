"""Replay of UCI's Online Retail file as POS events."""
