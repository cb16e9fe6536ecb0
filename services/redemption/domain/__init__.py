"""What points do once they are granted: pure functions over frozen wallets and lots."""
