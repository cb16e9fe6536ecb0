-- What a service's own migration asks for once: the records of these places that were handled are read again, for facts
-- that an earlier release let pass. The row goes when that is done; no offset and no decision is touched by it.
CREATE TABLE read_again (
    topic         text    NOT NULL,
    partition     integer NOT NULL,
    before_offset bigint, -- what is left lies before it, for it goes backwards; null = not begun
    PRIMARY KEY (topic, partition)
);
