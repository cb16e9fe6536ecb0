-- What redemption holds is told in the order of its partition, not of business time: a late grant of an old purchase
-- is the newest word on a hold that was placed after the purchase.
ALTER TABLE hold ADD COLUMN held_offset bigint;
ALTER TABLE hold DROP COLUMN held_at;
