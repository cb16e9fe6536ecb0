-- What the audit role may read: no contact data, only whether there is some.

CREATE VIEW audit_message AS
    SELECT m.message_id, m.notice_id, m.program_id, m.member_id, n.cause_type, n.cause_key, m.channel, m.state, m.code,
           m.attempts, m.told_event_id AS event_id, false AS address_kept
      FROM message AS m JOIN notice AS n USING (notice_id);
CREATE VIEW audit_notice AS
    SELECT notice_id, program_id, member_id, template, group_key, state, points, causes, due_at FROM notice;
CREATE VIEW audit_notice_cause AS SELECT event_key, notice_id, points FROM notice_cause;
CREATE VIEW audit_contact AS
    SELECT program_id, member_id, erased_at IS NOT NULL AS erased,
           coalesce(email, phone, webhook) IS NOT NULL
           OR EXISTS (SELECT FROM recipient AS r WHERE r.program_id = c.program_id AND r.member_id = c.member_id)
               AS address_kept
      FROM contact AS c;
CREATE VIEW audit_hold_told AS SELECT program_id, member_id, hold_id, decision FROM hold;
