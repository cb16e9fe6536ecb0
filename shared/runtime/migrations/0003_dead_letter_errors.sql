-- Messages that differ only in what they quote, in ids and in numbers are one error: dead letters are grouped by it.
CREATE FUNCTION normalised_error(message text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT left(regexp_replace(
        regexp_replace(message, '(^|[\s(\[=:,])(''[^'']*''|"[^"]*")', '\1…', 'g'), -- quoted, and no apostrophe
        '[^\s…]*\d[^\s…]*', 'N', 'g'), 300)
$$;

-- The attempts at one record: replays carry its first arrival along.
CREATE INDEX dead_letter_attempts ON dead_letter (topic, arrival);
