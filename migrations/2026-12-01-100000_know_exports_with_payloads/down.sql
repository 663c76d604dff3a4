ALTER TABLE millrace.operations DROP COLUMN holds_payloads;
