DROP INDEX millrace.audit_marks;
