"""Makes recurrence_cases.txt: random recurrences and what python-dateutil makes of them.

    python recurrence_cases.py COUNT SEED > recurrence_cases.txt

A line is: lines of the recurrence with | between them, then " = ", then its first occurrences up to the end of 2999, at most twelve;
a final "." means that there are no more. Left out is what dateutil reads otherwise than RFC 5545 (see src/timing/recurrence/mod.rs):
BYWEEKNO without another day part, weeks -52 and -53, numbered and plain weekdays in one BYDAY, BYSETPOS in a week that DTSTART cuts.
"""

import random
import signal
import sys
from datetime import datetime, timedelta
from itertools import islice

import dateutil
from dateutil.rrule import rrulestr

DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
FREQS = ["YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"]
INTERVALS = {
    "YEARLY": [1, 1, 1, 2, 3, 4, 7], "MONTHLY": [1, 1, 2, 3, 5, 12, 18], "WEEKLY": [1, 1, 2, 3, 5, 52],
    "DAILY": [1, 1, 2, 3, 10, 100], "HOURLY": [1, 1, 3, 5, 7, 25, 36], "MINUTELY": [1, 1, 7, 15, 90, 1441],
    "SECONDLY": [1, 1, 7, 90, 3599, 86399, 100000],
}


class TooSlow(Exception):
    """dateutil has no answer, or none in time."""


def ring(*_):
    raise TooSlow


def some(rng, values, most):
    return ",".join(str(value) for value in sorted(rng.sample(values, rng.randint(1, min(most, len(values))))))


def signed(rng, most, reach):
    values = [value for value in range(-reach, reach + 1) if value]
    if rng.random() < 0.5:
        values = [value for value in values if value > 0]
    return some(rng, values, most)


def days(rng, freq, has_week):
    if freq in ("YEARLY", "MONTHLY") and not has_week and rng.random() < 0.5:
        reach = 5 if freq == "MONTHLY" else rng.choice([5, 53])
        chosen = [f"{rng.choice([1, -1]) * rng.randint(1, reach)}{rng.choice(DAYS)}" for _ in range(rng.randint(1, 3))]
        return ",".join(dict.fromkeys(chosen))
    return ",".join(sorted(rng.sample(DAYS, rng.choice([1, 2, 3, 5])), key=DAYS.index))


def rule(rng, start, is_open=False):
    freq = rng.choice(FREQS)
    parts = [f"FREQ={freq}"]
    interval = rng.choice(INTERVALS[freq])
    if interval > 1:
        parts.append(f"INTERVAL={interval}")
    by = {}
    chance = lambda odds: rng.random() < odds
    if chance(0.3):
        by["BYMONTH"] = some(rng, range(1, 13), 4)
    if freq == "YEARLY" and chance(0.25):
        by["BYWEEKNO"] = some(rng, [week for week in range(-51, 54) if week], 4)
    if freq in ("YEARLY", "HOURLY", "MINUTELY", "SECONDLY") and chance(0.15):
        by["BYYEARDAY"] = signed(rng, 12, 366)
    if freq != "WEEKLY" and chance(0.3):
        by["BYMONTHDAY"] = signed(rng, 6, 31)
    if chance(0.4):
        by["BYDAY"] = days(rng, freq, "BYWEEKNO" in by)
    if "BYWEEKNO" in by and not {"BYDAY", "BYMONTHDAY", "BYYEARDAY"} & by.keys():
        by["BYDAY"] = days(rng, freq, True)
    if chance(0.35):
        by["BYHOUR"] = some(rng, range(24), 5)
    if chance(0.35):
        by["BYMINUTE"] = some(rng, range(60), 5)
    if chance(0.2):
        by["BYSECOND"] = some(rng, range(60), 4)
    wkst = rng.choice(["MO"] * 3 + DAYS)
    if by and chance(0.25) and (freq != "WEEKLY" or DAYS[start.weekday()] == wkst):
        by["BYSETPOS"] = signed(rng, 3, rng.choice([3, 10, 366]))
    parts += [f"{name}={value}" for name, value in by.items()]
    if wkst != "MO":
        parts.append(f"WKST={wkst}")
    end = rng.random()
    if is_open:
        pass
    elif end < 0.15:
        parts.append(f"COUNT={rng.randint(1, 11)}")
    elif end < 0.3:
        parts.append(f"UNTIL={start + timedelta(seconds=rng.randint(1, 10 ** rng.randint(4, 8))):%Y%m%dT%H%M%S}")
    return ";".join(parts)


def text(rng):
    start = datetime(rng.randint(1995, 2030), rng.randint(1, 12), rng.randint(1, 28), rng.choice([0, 6, 9, 17, 23]),
                     rng.choice([0, 0, 30, 59]), rng.choice([0, 0, 0, 15]))
    if rng.random() < 0.1:
        start = start.replace(month=rng.choice([1, 12]), day=rng.choice([29, 30, 31]))
    lines = [f"DTSTART:{start:%Y%m%dT%H%M%S}"]
    lines += [f"RRULE:{rule(rng, start)}" for _ in range(rng.choice([1] * 6 + [2]))]
    near = lambda: f"{start + timedelta(hours=rng.randint(0, 24 * 30)):%Y%m%dT%H%M%S}"
    if rng.random() < 0.1:
        lines.append("RDATE:" + ",".join(near() for _ in range(3)))
    if rng.random() < 0.1:
        lines.append(f"EXRULE:{rule(rng, start)}")
    try:
        first = list(islice(iter(rrulestr("\n".join(lines))), 8))
    except ValueError:
        first = []
    except IndexError as error:  # dateutil stumbles over numbers of weekdays near 53
        raise TooSlow from error
    if first and rng.random() < 0.15:
        lines.append("EXDATE:" + ",".join(f"{at:%Y%m%dT%H%M%S}" for at in rng.sample(first, min(3, len(first)))))
    return lines


def occurrences(lines):
    try:
        found = list(islice(iter(rrulestr("\n".join(lines))), 13))
    except ValueError as error:
        if "empty" not in str(error):
            raise
        if sum("RULE:" in line or "RDATE:" in line for line in lines) > 1:
            raise TooSlow from error  # one of several rules is void, and dateutil does not say what the others give
        found = []
    found = [at for at in found if at.year < 3000]
    shown = " ".join(f"{at:%Y%m%dT%H%M%S}" for at in found[:12])
    return shown if len(found) > 12 else f"{shown} .".strip()


def main():
    count, seed = int(sys.argv[1]), int(sys.argv[2])
    signal.signal(signal.SIGALRM, ring)
    print(f"# {count} random recurrences and their first occurrences by python-dateutil {dateutil.__version__}, made by")
    print(f"# recurrence_cases.py {count} {seed}, which tells the form and what is left out.")
    rng = random.Random(seed)
    while count:
        own = random.Random(rng.random())
        signal.alarm(2)
        try:
            lines = text(own)
            answer = occurrences(lines)
        except TooSlow:
            continue
        finally:
            signal.alarm(0)
        print(f"{'|'.join(lines)} = {answer}")
        count -= 1


main()
