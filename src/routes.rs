//! Every URL on one screen, feature by feature; each with the permission it needs. What is not here is closed.

use crate::admin::{
    account, calendars, dashboard, docs, failures, health, jobs, nodes, notifications, operations, palette, people,
    pools, queues, schedules, templates, tokens, views,
};
use crate::web::app;
use crate::web::table::Route;

/// Lists all routes. `design` adds the page of components.
pub fn all(design: bool) -> Vec<Route> {
    [
        app::routes(design),
        account::page::routes(),
        calendars::api::routes(),
        calendars::page::routes(),
        dashboard::page::routes(),
        docs::page::routes(),
        failures::page::routes(),
        failures::api::routes(),
        health::api::routes(),
        health::page::routes(),
        jobs::page::routes(),
        jobs::api::routes(),
        nodes::page::routes(),
        nodes::api::routes(),
        operations::page::routes(),
        operations::api::routes(),
        notifications::page::routes(),
        palette::page::routes(),
        people::page::routes(),
        pools::page::routes(),
        pools::api::routes(),
        queues::page::routes(),
        queues::api::routes(),
        schedules::page::routes(),
        schedules::api::routes(),
        templates::page::routes(),
        templates::api::routes(),
        tokens::page::routes(),
        views::page::routes(),
        views::api::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
