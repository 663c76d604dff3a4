//! Plausible arguments, for the past as for the present.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::dice::Dice;
use crate::base::clock::Time;

/// Partners whose systems answer.
const PARTNERS: [&str; 4] = [SHAKY, "lumen-pay", "northwind-tools", "velo-courier"];
/// The partner whose address is gone without a word.
pub const GONE: &str = "kestrel-logistics";
/// The partner who is overloaded now and then.
pub const SHAKY: &str = "aurora-fulfilment";

/// How likely an order goes through the partner whose address is gone.
const GONE_SHARE: f64 = 0.03;
const NAMES: [&str; 12] =
    ["ada", "bruno", "chiara", "davide", "elif", "farid", "greta", "hugo", "ines", "jonas", "katya", "luca"];
const LETTERS: [&str; 5] = ["order-confirmed", "order-shipped", "invoice", "password-reset", "newsletter"];
const EVENTS: [&str; 4] = ["order.created", "order.paid", "order.shipped", "order.returned"];
const MARKETPLACES: [&str; 3] = ["own-shop", "bazaar", "tradewinds"];
const WAREHOUSES: [&str; 3] = ["genoa", "lyon", "rotterdam"];

/// Makes the arguments of a job of `template` that comes in at `at`.
pub fn args(template: &str, at: Time, dice: &mut Dice) -> Value {
    let order = 100_000 + (at.timestamp() - 1_700_000_000) / 400;
    let day = |ago: i64| (at - TimeDelta::days(ago)).format("%Y-%m-%d").to_string();
    match template {
        "mail.send" => mail(order, dice),
        "webhook.deliver" => json!({ "partner": partner(dice), "event": dice.pick(&EVENTS), "order": order }),
        "rates.refresh" => json!({ "base": dice.pick(&["EUR", "USD", "GBP", "CHF"]) }),
        "invoice.render" => {
            json!({ "order": order, "total": format!("{}.{:02}", dice.between(4, 480), dice.between(0, 99)) })
        }
        "image.variants" => image(dice),
        "search.index" => json!({ "from": dice.between(1, 40_000), "products": dice.between(20, 400) }),
        "orders.import" => json!({ "marketplace": dice.pick(&MARKETPLACES), "orders": dice.between(2, 40) }),
        "ledger.post" => json!({ "batch": 200 }),
        "sales.rollup" => json!({ "day": day(0) }),
        "stock.recount" => json!({ "warehouse": dice.pick(&WAREHOUSES) }),
        "carts.purge" => json!({ "days": 30 }),
        "customer.export" => json!({ "customer": dice.between(1, 4_000) }),
        "report.sales" => json!({ "period": dice.pick(&["yesterday", "week", "month"]) }),
        "backup.documents" => json!({ "folder": "/usr/share/common-licenses" }),
        "logs.pack" => json!({ "day": day(1) }),
        "disk.check" => json!({ "percent": 90 }),
        "recommendations.train" => json!({ "epochs": 60 }),
        _ => json!({}),
    }
}

fn partner(dice: &mut Dice) -> &'static str {
    if dice.happens(GONE_SHARE) { GONE } else { dice.pick::<&str>(&PARTNERS) }
}

fn mail(order: i64, dice: &mut Dice) -> Value {
    let to = format!("{}.{}@customer.example", dice.pick(&NAMES), dice.between(1, 4_000));
    json!({ "to": to, "letter": dice.pick(&LETTERS), "order": order })
}

fn image(dice: &mut Dice) -> Value {
    let megapixels = if dice.happens(0.012) { dice.between(51, 120) } else { dice.between(3, 48) };
    json!({ "product": dice.between(1, 40_000), "megapixels": megapixels, "sizes": [160, 480, 1200] })
}
