CREATE TABLE millrace.cookie_keys (
    one boolean CONSTRAINT cookie_keys_pk PRIMARY KEY DEFAULT true CONSTRAINT cookie_keys_one_row CHECK (one),
    key bytea NOT NULL CONSTRAINT cookie_keys_length CHECK (octet_length(key) = 64)
);
COMMENT ON TABLE millrace.cookie_keys IS 'The key that session cookies are sealed with, the same on every node; one row. It opens no session: that takes the random key inside the cookie, of which only the hash is stored';
COMMENT ON COLUMN millrace.cookie_keys.one IS 'Always true: there is one row';
COMMENT ON COLUMN millrace.cookie_keys.key IS '64 random bytes, made by the first node that asked';
