DROP FUNCTION millrace.finish_sql, millrace.histogram_bucket, millrace.execute_sql;
