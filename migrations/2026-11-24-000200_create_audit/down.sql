DROP TABLE millrace.audit; DROP FUNCTION millrace.refuse_audit_change;
