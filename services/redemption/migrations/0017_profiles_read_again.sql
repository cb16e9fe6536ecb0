-- Members who were registered before 0007 have no row in `member` until they register again: their profiles are read
-- again, once.
INSERT INTO read_again (topic, partition) SELECT topic, partition FROM partition_offset WHERE topic = 'members.profiles.v1';
