-- Events on their way back after their member's registration: the audit proves that none of them was decided already.
CREATE VIEW audit_sent_on AS SELECT event_key, program_id, member_id, event_type FROM waiting_event WHERE sent_on;
