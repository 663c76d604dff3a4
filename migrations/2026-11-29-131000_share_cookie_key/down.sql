DROP TABLE millrace.cookie_keys;
