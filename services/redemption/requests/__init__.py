"""What a request does: one transaction under the wallet's lock, one file each."""
