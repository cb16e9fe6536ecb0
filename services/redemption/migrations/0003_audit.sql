-- Which grants and claw-backs lie in the dead letters: the audit counts them as told, not as lost (invariant 7).
-- The envelope's id comes first in what earning writes; a record too broken to show one has none here.
CREATE VIEW audit_dead_letter_event AS
    SELECT dead_letter_id, topic, partition, record_offset, state,
           substring(encode(record_value, 'escape') FROM
                     '"id"\s*:\s*"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')::uuid AS event_id
      FROM dead_letter
     WHERE topic = 'points.grants.v1';
