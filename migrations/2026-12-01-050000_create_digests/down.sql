DROP TABLE millrace.digests;
