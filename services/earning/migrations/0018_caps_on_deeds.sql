-- What drops and inviters' rewards use of counted caps, as receipts have it: [[rule, period, points]]; and what such caps
-- left when they were decided. Null where nothing is used, or everything was left.
ALTER TABLE recycling_drop ADD COLUMN facts json, ADD COLUMN cap_uses json;
ALTER TABLE referral_reward ADD COLUMN facts json, ADD COLUMN cap_uses json;
ALTER TYPE drop_row ADD ATTRIBUTE facts text, ADD ATTRIBUTE cap_uses text;
ALTER TYPE reward_row ADD ATTRIBUTE facts text, ADD ATTRIBUTE cap_uses text;

CREATE OR REPLACE VIEW audit_cap_use AS
    SELECT r.receipt_key, r.program_id, r.member_id, u.use ->> 0 AS rule_id, u.use ->> 1 AS period,
           (u.use ->> 2)::bigint AS points
      FROM receipt AS r, json_array_elements(r.cap_uses) AS u (use)
    UNION ALL
    SELECT o.occasion_key, o.program_id, o.member_id, u.use ->> 0, u.use ->> 1, (u.use ->> 2)::bigint
      FROM occasion AS o, json_array_elements(o.cap_uses) AS u (use)
    UNION ALL
    SELECT d.drop_key, d.program_id, d.member_id, u.use ->> 0, u.use ->> 1, (u.use ->> 2)::bigint
      FROM recycling_drop AS d, json_array_elements(d.cap_uses) AS u (use)
    UNION ALL
    SELECT w.referral_key, w.program_id, w.inviter_id, u.use ->> 0, u.use ->> 1, (u.use ->> 2)::bigint
      FROM referral_reward AS w, json_array_elements(w.cap_uses) AS u (use);
