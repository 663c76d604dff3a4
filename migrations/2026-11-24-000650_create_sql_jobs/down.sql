DROP FUNCTION millrace.finish_sql, millrace.histogram_bucket, millrace.execute_sql, millrace.begin_sql;
DROP TABLE millrace.sql_attempts;
