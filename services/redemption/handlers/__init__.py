"""What each event means to redemption: one file per event."""
