DROP TABLE millrace.tokens, millrace.sign_in_failures, millrace.sessions, millrace.setup_links, millrace.people;
DROP FUNCTION millrace.keep_an_admin;
