-- When a member's contact data was erased last, kept whatever comes after: a contact that comes again within the second
-- must not hide the erasure from the letters that were there before it.
ALTER TABLE contact ADD COLUMN last_erased_at timestamptz;
UPDATE contact SET last_erased_at = erased_at WHERE erased_at IS NOT NULL;
CREATE INDEX contact_last_erased ON contact (record_key) WHERE last_erased_at IS NOT NULL;
DROP INDEX contact_erased;
