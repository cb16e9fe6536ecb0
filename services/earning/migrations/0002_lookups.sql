-- What is looked up by other than a primary key: a receipt by its own id, a refund's claw-backs, a budget's slices.
CREATE INDEX receipt_of_id ON receipt (receipt_id);
CREATE INDEX claw_back_of_event ON claw_back (event_key);
CREATE INDEX budget_slice_of_budget ON budget_slice (program_id, budget_id);
