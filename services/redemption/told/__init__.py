"""What redemption tells the world, one file a subject."""
