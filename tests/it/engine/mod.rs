//! The engine against a real database: jobs run, fail, are retried, cancelled, handed back and taken back.
mod attempts;
mod checkpoints;
mod fair_lanes;
mod fairness;
mod labels;
mod late_limits;
mod limits;
mod logs;
mod nodes;
mod ordering;
mod outage;
mod pools;
mod queue_limits;
mod scaling;
mod slots;
