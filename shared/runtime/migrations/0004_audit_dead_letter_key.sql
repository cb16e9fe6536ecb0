-- Which of our own events lie in the dead letters: the audit counts them as told, not as lost (invariant 7). The
-- envelope's id comes first in what our services write; a record too broken to show a UUID there has none here.
CREATE VIEW audit_dead_letter_key AS
    SELECT dead_letter_id, topic, partition, record_offset, state,
           substring(encode(record_value, 'escape') FROM
                     '"id"\s*:\s*"([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"')::uuid AS event_id
      FROM dead_letter
     WHERE topic <> 'members.contacts.v1';
