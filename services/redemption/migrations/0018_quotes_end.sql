-- Finding quotes that ended long ago, to delete them.
CREATE INDEX quote_ended ON quote (expires_at);
