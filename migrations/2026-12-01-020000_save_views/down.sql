DROP TABLE millrace.view_pins;
DROP TABLE millrace.saved_views;
