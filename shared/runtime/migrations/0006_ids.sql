-- A column of ids that travels as one text (statement.py, ids_as_text): no id holds U+001F.
CREATE FUNCTION ids(joined text) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT string_to_array(joined, E'\x1f')
$$;
