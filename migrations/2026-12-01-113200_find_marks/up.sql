CREATE INDEX audit_marks ON millrace.audit (at DESC)
    WHERE accepted AND act IN ('template.publish', 'template.roll_back', 'queue.pause', 'queue.resume', 'node.drain', 'node.resume');
COMMENT ON INDEX millrace.audit_marks IS 'What people did that charts mark';
