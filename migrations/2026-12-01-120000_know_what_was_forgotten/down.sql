DROP TABLE millrace.forgotten_occurrences;
