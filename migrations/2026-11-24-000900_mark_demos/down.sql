DROP TABLE millrace.demo;
