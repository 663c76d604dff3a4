//! Orders of the list beside a million rows: each reads a bounded part.

use millrace::admin::jobs::sorted::{SORTED_ROWS_MAX, sorted};
use millrace::admin::jobs::view::Order;
use millrace::admin::jobs::{Cursor, LOOK_ROWS_MAX};
use millrace::queue::actor::Scope;

use super::PAGE;
use super::database::with_either_statistics;
use super::reads::reads;
use crate::support::stage::asked;

#[test]
fn an_order_costs_the_same_at_any_size() {
    with_either_statistics(|conn| {
        for text in ["", "state:ready", "state:failed", "state:succeeded", "queue:nowhere"] {
            let filter = asked(text);
            for order in ["id", "-activity", "-wait", "run", "-due", "priority"] {
                let place = (Order::parse(order).unwrap(), Cursor::Newest);
                let page = reads(conn, |conn| sorted(conn, &Scope::default(), &filter, place, PAGE).unwrap());

                let looked = match (filter.needs_look(&Scope::default()), place.0) {
                    (true, _) => LOOK_ROWS_MAX,
                    (false, Order::Oldest) => PAGE.into(),
                    (false, _) => SORTED_ROWS_MAX,
                };
                page.but(&["leases"]).are_few(looked);
            }
        }
    });
}
