ALTER TABLE millrace.operations ADD COLUMN holds_payloads boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN millrace.operations.holds_payloads IS 'Whether its file has argument values and words of failures: whoever reads it must be allowed to see them';
-- what was written down before this was known may hold them
UPDATE millrace.operations SET holds_payloads = true WHERE act = 'export';
