-- From then on the member counts as not registered (C22, C01); redemption alone closes an account.
ALTER TABLE member ADD COLUMN closed_at timestamptz;
CREATE OR REPLACE VIEW audit_member AS SELECT program_id, member_id, registered_at, closed_at FROM member;
