//! What attempts of the past said: the log lines that the same work says when it runs in the demo.

use chrono::TimeDelta;
use serde_json::Value;

use super::past::Try;
use crate::base::clock::Time;
use crate::queue::settle::Ending;
use crate::queue::work::{Level, LogLine};

/// Gives the lines of an attempt, spread over its time; none for work that says nothing.
pub fn lines(template: &str, args: &Value, attempt: &Try) -> Vec<LogLine> {
    let Some(start) = attempt.started_at else { return Vec::new() };
    let mut said = plain(template, args, attempt);
    if let Ending::Failed(trouble) | Ending::Retry(trouble, _) = &attempt.ending {
        said.truncate(said.len().saturating_sub(1)); // it did not come to its last word
        said.push((Level::Error, last_word(&trouble.error)));
    }
    let step = (attempt.finished_at - start) / (said.len().max(1) as i32 + 1);
    let line = |(nth, (level, text)): (usize, (Level, String))| LogLine { at: at(start, step, nth), level, text };
    said.into_iter().enumerate().map(line).collect()
}

fn at(start: Time, step: TimeDelta, nth: usize) -> Time {
    start + step * (nth as i32 + 1)
}

/// A command's error is its exit code and its last line; only the line stands in its log.
fn last_word(error: &str) -> String {
    error.strip_prefix("exit code ").and_then(|rest| rest.split_once(": ")).map_or(error, |(_, line)| line).to_owned()
}

fn plain(template: &str, args: &Value, attempt: &Try) -> Vec<(Level, String)> {
    let text = |name: &str| args[name].as_str().map_or_else(|| args[name].to_string(), str::to_owned);
    let ms = attempt.started_at.map_or(0, |start| (attempt.finished_at - start).num_milliseconds());
    let infos = |lines: Vec<String>| lines.into_iter().map(|line| (Level::Info, line)).collect();
    match template {
        "mail.send" => infos(vec![
            "connecting to relay.oltremare.example:587".into(),
            format!("{} to {}", text("letter"), text("to")),
            "250 2.0.0 Ok: queued".into(),
        ]),
        "webhook.deliver" => {
            infos(vec![format!("POST {} to {} → 204, 0 bytes, {ms} ms", text("event"), text("partner"))])
        }
        "rates.refresh" => infos(vec![format!("GET rates of {} → 200, 214 bytes, {ms} ms", text("base"))]),
        "invoice.render" => infos(vec![format!("reading order {}", text("order")), "rendered 120 lines".into()]),
        "image.variants" => infos(vec![
            format!("picture of product {}: {} MP", text("product"), text("megapixels")),
            "160 px".into(),
            "480 px".into(),
            "1200 px".into(),
        ]),
        "search.index" => infos(vec![
            format!("{} products from {} on", text("products"), text("from")),
            "the index was refreshed".into(),
        ]),
        "disk.check" => infos(vec!["/ is 61 % full".into()]),
        "backup.documents" => infos(vec!["17 files".into(), "read back".into()]),
        "logs.pack" => infos(vec![format!("packed 131072 bytes of {}", text("day"))]),
        "report.sales" => infos(vec!["2263 orders, 46612.50 EUR".into()]),
        "customer.export" => infos(vec!["packed 412 bytes".into()]),
        "recommendations.train" => infos(vec!["round 20: loss 0.412".into(), "round 60: loss 0.287".into()]),
        _ => Vec::new(),
    }
}
