-- create_partitions stays as it is: it goes with its tables.
DROP FUNCTION millrace.connection_use, millrace.snapshot_holders, millrace.drop_partition, millrace.partition_is_live;
