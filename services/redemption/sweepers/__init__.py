"""What the clock does to the books, whoever gets there first."""
