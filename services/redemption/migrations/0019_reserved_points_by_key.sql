-- The triggers over reserved points looked at every authorization that was placed anywhere, dead rows included; each
-- share's own is looked up by its key now, whatever the planner knows of their number.
CREATE OR REPLACE FUNCTION check_reserved_points() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.points <> (SELECT coalesce(sum(points), 0) FROM authorization_share
                       WHERE authorization_id = NEW.authorization_id) THEN
        RAISE EXCEPTION 'the shares of authorization % do not sum to its points', NEW.authorization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'authorization_shared';
    END IF;
    IF EXISTS (SELECT FROM authorization_share mine JOIN lot l USING (lot_id)
                WHERE mine.authorization_id = NEW.authorization_id AND l.reserved <> (
                      SELECT coalesce(sum(s.points), 0)
                        FROM authorization_share s,
                             LATERAL (SELECT state FROM point_authorization
                                       WHERE authorization_id = s.authorization_id OFFSET 0) AS a
                       WHERE s.lot_id = l.lot_id AND a.state = 'placed')) THEN
        RAISE EXCEPTION 'a lot of authorization % reserves other points than its authorizations', NEW.authorization_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reserved_points_authorized';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION check_lot_reserved() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT reserved FROM lot WHERE lot_id = NEW.lot_id) <> (
        SELECT coalesce(sum(s.points), 0)
          FROM authorization_share s,
               LATERAL (SELECT state FROM point_authorization
                         WHERE authorization_id = s.authorization_id OFFSET 0) AS a
         WHERE s.lot_id = NEW.lot_id AND a.state = 'placed') THEN
        RAISE EXCEPTION 'lot % reserves other points than its authorizations', NEW.lot_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'reserved_points_authorized';
    END IF;
    RETURN NULL;
END $$;
