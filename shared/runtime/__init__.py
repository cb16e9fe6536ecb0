"""The write path every service shares: one way in (Kafka), one transaction, one way out (the outbox)."""
