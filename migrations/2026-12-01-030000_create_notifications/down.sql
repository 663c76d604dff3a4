DROP TABLE millrace.notifications;
