//! What Prometheus is told of the database: what the duty saw last, and what is wrong with it.

use super::database::{Health, HotTable, Sample};
use super::exposition::Exposition;
use crate::base::clock::Time;

/// Writes the figures of the last look; nothing while nobody has looked.
pub(super) fn tell(told: &mut Exposition, health: &Health, now: Time) {
    let Some(sample) = &health.sample else { return };
    told.family("millrace_database_sample_age_seconds", "gauge", "How long ago the database was looked at.");
    told.sample(&[], (now - sample.at).num_milliseconds().max(0) as f64 / 1e3);
    told.family(
        "millrace_database_warning",
        "gauge",
        "1 for each thing that is wrong; the page Database says what to do.",
    );
    let mut codes: Vec<&str> = health.warnings.iter().map(|warning| warning.code).collect();
    codes.dedup(); // one code may stand for several settings
    codes.iter().for_each(|code| told.sample(&[("code", code)], 1));
    told.family("millrace_database_snapshot_age_seconds", "gauge", "Age of the oldest snapshot; 0 = nobody holds one.");
    told.sample(&[], sample.snapshot_age_ms() as f64 / 1e3);
    told.family("millrace_database_bytes", "gauge", "Size of the database.");
    told.sample(&[], sample.bytes);
    tables(told, sample);
    connections(told, sample);
    claims(told, sample);
}

fn tables(told: &mut Exposition, sample: &Sample) {
    type Read = fn(&HotTable) -> i64;
    let families: [(&str, &str, Read); 3] = [
        ("millrace_database_dead_rows", "Dead rows of a hot table.", |table| table.dead_rows),
        ("millrace_database_live_rows", "Living rows of a hot table, as Postgres counts them.", |table| {
            table.live_rows
        }),
        ("millrace_database_table_bytes", "Size of a hot table with its indexes.", |table| table.bytes),
    ];
    for (name, help, read) in families {
        told.family(name, "gauge", help);
        for table in &sample.tables {
            told.sample(&[("table", &table.name)], read(table));
        }
    }
    told.family(
        "millrace_database_ids_ahead",
        "gauge",
        "Jobs for which there is room before the next partition is made.",
    );
    for table in &sample.partitions {
        told.sample(&[("table", &table.table)], table.ids_ahead);
    }
    told.family("millrace_database_partitions", "gauge", "Partitions of a table.");
    for table in &sample.partitions {
        told.sample(&[("table", &table.table)], table.partitions);
    }
}

fn connections(told: &mut Exposition, sample: &Sample) {
    told.family("millrace_database_connections", "gauge", "Connections of the server by application and login.");
    for one in &sample.connections.by_application {
        told.sample(&[("application", &one.application), ("login", &one.login)], one.connections);
    }
    told.family(
        "millrace_database_connections_max",
        "gauge",
        "Connections that may be, those for superusers included.",
    );
    told.sample(&[], sample.connections.max);
}

fn claims(told: &mut Exposition, sample: &Sample) {
    told.family("millrace_node_claim_seconds", "gauge", "How long a node's claims took in the last minute.");
    for one in &sample.claims {
        for (quantile, ms) in [("0.5", one.p50_ms), ("0.99", one.p99_ms)] {
            if let Some(ms) = ms {
                told.sample(&[("node", &one.node), ("quantile", quantile)], ms / 1e3);
            }
        }
    }
}
