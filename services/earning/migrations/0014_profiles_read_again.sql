-- Members whose profile was heard before 0006 have no birthday and no organisation here until their next event: their
-- profiles are read again, once. Some came by our own topic: sent on when a wait was over, or from a wrong partition.
INSERT INTO read_again (topic, partition)
SELECT topic, partition FROM partition_offset WHERE topic IN ('members.profiles.v1', 'earning.effects.v1');
