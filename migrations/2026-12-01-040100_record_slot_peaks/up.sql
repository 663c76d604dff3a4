CREATE TABLE millrace.slot_peaks (
    hour timestamptz CONSTRAINT slot_peaks_pk PRIMARY KEY,
    busy integer NOT NULL CONSTRAINT slot_peaks_busy_not_negative CHECK (busy >= 0),
    slots integer NOT NULL CONSTRAINT slot_peaks_slots_positive CHECK (slots > 0),
    at timestamptz NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE millrace.slot_peaks IS 'The moment of each hour at which the largest share of all worker threads was at work, of looks ten seconds apart; kept for 8 days';
COMMENT ON COLUMN millrace.slot_peaks.hour IS 'Start of the hour';
COMMENT ON COLUMN millrace.slot_peaks.busy IS 'Worker threads at work on all nodes then';
COMMENT ON COLUMN millrace.slot_peaks.slots IS 'Worker threads there were then';
COMMENT ON COLUMN millrace.slot_peaks.at IS 'When it was';
