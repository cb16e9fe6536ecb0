-- The holds of a story, by its first event and by the event that led to each.
CREATE INDEX hold_story ON hold (correlation_id);
CREATE INDEX hold_cause ON hold (causation_id);
