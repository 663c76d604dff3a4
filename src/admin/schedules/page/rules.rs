//! The rules of a schedule in its form: the first has fields of its own, further ones are a line each.

use chrono::{DateTime, FixedOffset};
use chrono_tz::Tz;

use crate::timing::Rule;
use crate::timing::cron::Cron;
use crate::timing::document::RuleText;
use crate::timing::schedule::Schedule;
use crate::web::form::{Form, sentence};
use crate::web::moment;

/// The names of the fields of a cron rule, in its order; seconds stand in front when there are some.
pub const CRON: [&str; 5] = ["cron_minute", "cron_hour", "cron_day", "cron_month", "cron_weekday"];
/// The field of its seconds.
pub const SECOND: &str = "cron_second";

/// The fields in which rules stand.
pub const FIELDS: [&str; 11] = [
    SECOND,
    "cron_minute",
    "cron_hour",
    "cron_day",
    "cron_month",
    "cron_weekday",
    "every",
    "phase",
    "rrule",
    "at",
    "more",
];

/// What the first rule is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleKind {
    /// Fields of cron.
    Cron,
    /// An interval.
    Every,
    /// A recurrence of RFC 5545.
    Recurrence,
    /// One instant.
    Once,
}

impl RuleKind {
    /// Every kind, in the order in which they are offered.
    pub const ALL: [Self; 4] = [Self::Cron, Self::Every, Self::Recurrence, Self::Once];

    /// Gives its name in the form.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Cron => "cron",
            Self::Every => "every",
            Self::Recurrence => "rrule",
            Self::Once => "at",
        }
    }

    /// Gives its word on the page.
    pub fn label(self) -> &'static str {
        match self {
            Self::Cron => "Cron",
            Self::Every => "Interval",
            Self::Recurrence => "Calendar rule",
            Self::Once => "Once",
        }
    }

    /// Reads which one is chosen.
    pub fn of(form: &Form) -> Self {
        Self::ALL.into_iter().find(|kind| kind.as_str() == form.text("kind")).unwrap_or(Self::Cron)
    }
}

/// Names the field in which a kind of rule begins.
pub fn main_field(kind: RuleKind) -> &'static str {
    match kind {
        RuleKind::Cron => CRON[0],
        RuleKind::Every => "every",
        RuleKind::Recurrence => "rrule",
        RuleKind::Once => "at",
    }
}

/// Fills in the rules of a schedule.
pub fn filled(form: Form, spec: &Schedule) -> Form {
    let mut rules = spec.rules.iter();
    let form = match rules.next() {
        Some(RuleText::Cron { cron }) => {
            let written = Rule::parse(cron, spec.timezone).ok();
            let fields: Vec<String> = match &written {
                Some(Rule::Cron(cron)) => cron.fields().into_iter().map(str::to_owned).collect(),
                _ => cron.split_whitespace().map(str::to_owned).collect(),
            };
            let form = form.with("kind", RuleKind::Cron.as_str());
            let (seconds, rest) = if fields.len() > CRON.len() { fields.split_at(1) } else { fields.split_at(0) };
            let form = form.with(SECOND, seconds.first().map(String::as_str).unwrap_or_default());
            CRON.iter().zip(rest).fold(form, |form, (name, value)| form.with(name, value.as_str()))
        }
        Some(RuleText::Every { every, phase }) => {
            let form = form.with("kind", RuleKind::Every.as_str()).with("every", every.as_str());
            form.with("phase", phase.as_deref().unwrap_or_default())
        }
        Some(RuleText::Recurrence { rrule }) => {
            form.with("kind", RuleKind::Recurrence.as_str()).with("rrule", rrule.as_str())
        }
        Some(RuleText::At { at }) => {
            form.with("kind", RuleKind::Once.as_str()).with("at", moment::write(at.to_utc(), spec.timezone))
        }
        None => form,
    };
    let more: Vec<String> = rules.map(line).collect();
    form.with("more", more.join("\n"))
}

/// Writes a rule in one line.
pub fn line(rule: &RuleText) -> String {
    match rule {
        RuleText::Cron { cron } => cron.clone(),
        RuleText::Every { every, phase: None } => format!("every {every}"),
        RuleText::Every { every, phase: Some(phase) } => format!("every {every} phase {phase}"),
        RuleText::Recurrence { rrule } => rrule.replace("\r\n", "\n").replace('\n', "\\n"),
        RuleText::At { at } => at.to_rfc3339(),
    }
}

/// Reads a rule of one line.
///
/// # Errors
/// A sentence for the field.
pub fn parsed(line: &str) -> Result<RuleText, String> {
    let line = line.trim();
    let rule = if let Some(rest) = line.strip_prefix("every ") {
        let (every, phase) = rest.split_once(" phase ").map_or((rest, None), |(every, phase)| (every, Some(phase)));
        RuleText::Every { every: every.trim().to_owned(), phase: phase.map(|phase| phase.trim().to_owned()) }
    } else if line.contains("RRULE") || line.starts_with("DTSTART") {
        RuleText::Recurrence { rrule: line.replace("\\n", "\n") }
    } else if let Ok(at) = DateTime::<FixedOffset>::parse_from_rfc3339(line) {
        RuleText::At { at }
    } else {
        RuleText::Cron { cron: line.to_owned() }
    };
    match rule.read(Tz::UTC) {
        Ok(_) => Ok(rule),
        Err(error) => Err(format!("{line:?}: {error}")),
    }
}

/// What is wrong with each of these cron fields by itself, five of them or six.
fn odd_fields(fields: &[String]) -> Vec<(&'static str, String)> {
    let names: Vec<&'static str> = [SECOND].into_iter().chain(CRON).skip(CRON.len() + 1 - fields.len()).collect();
    let odd = |(place, name): (usize, &'static str)| {
        let alone = |at: usize| if at == place { fields[place].as_str() } else { "*" };
        let rule: Vec<&str> = (0..fields.len()).map(alone).collect();
        let error = Cron::parse(&rule.join(" ")).err()?;
        Some((name, sentence(&error.to_string())))
    };
    names.into_iter().enumerate().filter_map(odd).collect()
}

/// Reads the rules; what is wrong with the first is noted by whoever makes a plan of it.
pub fn read(form: &mut Form, zone: Tz) -> Vec<RuleText> {
    let text = |name: &str| form.text(name).trim().to_owned();
    let mut rules = Vec::new();
    match RuleKind::of(form) {
        RuleKind::Cron => {
            let second = Some(text(SECOND)).filter(|second| !second.is_empty());
            let fields: Vec<String> = second.into_iter().chain(CRON.map(text)).collect();
            match CRON.iter().find(|name| text(name).is_empty()) {
                Some(empty) => form.refuse(empty, "Each field needs a value; * means any"),
                None => {
                    let odd = odd_fields(&fields);
                    if odd.is_empty() {
                        rules.push(RuleText::Cron { cron: fields.join(" ") });
                    }
                    odd.into_iter().for_each(|(name, message)| form.refuse(name, message));
                }
            }
        }
        RuleKind::Every => {
            let phase = Some(text("phase")).filter(|phase| !phase.is_empty());
            rules.extend(
                form.required("every", "how often, such as 90 s or 2h").map(|every| RuleText::Every { every, phase }),
            );
        }
        RuleKind::Recurrence => {
            let rule = form.required("rrule", "a rule, such as RRULE:FREQ=MONTHLY;BYDAY=-1FR");
            rules.extend(rule.map(|rrule| RuleText::Recurrence { rrule: rrule.replace("\r\n", "\n") }));
        }
        RuleKind::Once => {
            let at = form.read("at", |text| moment::read(text, zone));
            rules.extend(at.map(|at| RuleText::At { at: at.with_timezone(&zone).fixed_offset() }));
        }
    }
    let lines: Vec<String> =
        form.text("more").lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect();
    for line in lines {
        match parsed(&line) {
            Ok(rule) => rules.push(rule),
            Err(message) => form.refuse("more", message),
        }
    }
    rules
}
