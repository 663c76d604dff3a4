//! How commands talk with Millrace, as help pages and editors tell it.

/// What a command may print on its standard output, and what becomes of it.
pub const LINES: [(&str, &str); 6] = [
    ("::progress 3/10 copying", "How far it is, in the job's page and lists. 30% copying and 3 copying do as well"),
    ("::warn the disk is nearly full", "A warning in the log"),
    ("::error no such folder", "An error in the log, and the likely reason should the attempt fail"),
    ("::output {\"files\": 10}", "What came of it, as JSON; the last one counts, and it is kept when the job succeeds"),
    ("::checkpoint {\"page\": 3}", "Where it is, as JSON; the next attempt finds it in $MILLRACE_CHECKPOINT"),
    ("anything else", "A line of the log"),
];

/// Variables of a command's environment.
pub const VARIABLES: [(&str, &str); 9] = [
    ("$MILLRACE_ARGS", "The job's arguments, as a JSON object"),
    ("$PARAM_FOLDER", "In a shell text: the argument folder. Texts as they are, all else as JSON"),
    ("$MILLRACE_CHECKPOINT", "The last checkpoint of an earlier attempt, as JSON; missing while there is none"),
    ("$MILLRACE_DEADLINE", "When the attempt is stopped: 2026-11-24T13:32:08.000Z"),
    (
        "$MILLRACE_OCCURRENCE",
        "The time of a schedule that the job stands for, however late it runs, also of a backfill: 2026-11-24T06:30:00Z",
    ),
    ("$MILLRACE_SCHEDULE", "The schedule that made the job; missing, as the time is, where none did"),
    ("$MILLRACE_JOB_ID", "The job"),
    ("$MILLRACE_ATTEMPT", "Which attempt of it this is: 1 is the first"),
    (
        "$MILLRACE_FENCE",
        "Grows with each attempt: whoever is handed a smaller one than before may refuse the late writer",
    ),
];

/// A command that uses most of it.
pub const EXAMPLE: &str = r#"#!/bin/sh
total=3
for part in 1 2 3; do
  echo "::progress $part/$total packing part $part"
  tar -czf "part-$part.tar.gz" "part-$part" || echo "::warn part $part is missing"
  echo "::checkpoint {\"part\": $part}"
done
echo "::output {\"parts\": $total}"
"#;
