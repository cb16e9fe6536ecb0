"""All of redemption's SQL."""
