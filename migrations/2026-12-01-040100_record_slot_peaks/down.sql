DROP TABLE millrace.slot_peaks;
