"""What differs between two versions of a pack, and which of it is adverse to members (C21)."""
