//! Headings that sort, columns that can be chosen, and what an order holds for.

use super::view::{Column, ListView, Order, Way};
use crate::admin::jobs::sorted::Within;
use crate::web::format;
use crate::web::parts::{Order as Arrow, SortHeader};

/// The heading of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heading {
    /// The word, and where a press on it leads.
    pub sort: SortHeader,
    /// It can be pressed.
    pub sorts: bool,
    /// It stands at the right.
    pub is_number: bool,
}

/// One column that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnBox {
    /// Its name in the address.
    pub name: &'static str,
    /// Its heading.
    pub heading: &'static str,
    /// It is shown.
    pub is_on: bool,
}

/// Makes the heading of the jobs themselves, which sorts by their numbers.
pub fn of_jobs(view: &ListView) -> SortHeader {
    let order = match view.order {
        Order::Newest => Arrow::Descending,
        Order::Oldest => Arrow::Ascending,
        Order::By(..) => Arrow::None,
    };
    SortHeader { label: "Job".into(), href: view.ordered(view.order.pressed(None)).href(), order }
}

/// Makes the headings of the chosen columns.
pub fn headings(view: &ListView) -> Vec<Heading> {
    view.columns.iter().map(|column| heading(view, column)).collect()
}

fn heading(view: &ListView, column: Column) -> Heading {
    let key = column.key();
    let order = match (view.order, key) {
        (Order::By(known, way), Some(key)) if known == key => arrow(way),
        _ => Arrow::None,
    };
    let href = key.map(|key| view.ordered(view.order.pressed(Some(key))).href()).unwrap_or_default();
    Heading {
        sort: SortHeader { label: column.heading().into(), href, order },
        sorts: key.is_some(),
        is_number: column.is_number(),
    }
}

fn arrow(way: Way) -> Arrow {
    if way == Way::Falling { Arrow::Descending } else { Arrow::Ascending }
}

/// Lists the columns with those that are shown: in the order in which they stand, then the others.
pub fn boxes(view: &ListView) -> Vec<ColumnBox> {
    let others = Column::all().filter(|column| !view.columns.has(*column));
    let one =
        |column: Column| ColumnBox { name: column.name(), heading: column.heading(), is_on: view.columns.has(column) };
    view.columns.iter().chain(others).map(one).collect()
}

/// Says what an order holds for; empty when it holds for the whole list.
pub fn told(order: Order, within: Option<Within>) -> String {
    let (Order::By(key, _), Some(within)) = (order, within) else { return String::new() };
    format!("Sorted by {} within {}.", key.words(), within.words())
}

/// Says how much of the list a page shows, whose pages have no number.
pub fn shown(order: Order, is_first: bool, (shown, total): (usize, Option<i64>)) -> String {
    let which = match order {
        Order::Newest => "older jobs",
        Order::Oldest => "newer jobs",
        Order::By(..) => "further on",
    };
    match (is_first, total) {
        (true, Some(total)) => format!("{shown} of {}", format::count(total)),
        (true, None) => format!("{shown} shown"),
        (false, Some(total)) => format!("{which}, {shown} shown of {}", format::count(total)),
        (false, None) => format!("{which}, {shown} shown"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::view::Key;
    use super::*;

    fn view(parameters: &[(&str, &str)]) -> ListView {
        ListView::read(parameters.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_heading_sorts_and_turns_around_and_says_which_way_it_is() {
        let view = view(&[("state", "failed"), ("cols", "run,queue"), ("sort", "-run"), ("after", "9")]);

        assert_eq!(of_jobs(&view).href, "/jobs?state=failed&cols=run,queue");
        let headings = headings(&view);
        assert_eq!(headings[0].sort.href, "/jobs?state=failed&sort=run&cols=run,queue");
        assert_eq!((headings[0].sort.order, headings[1].sorts), (Arrow::Descending, false));
    }

    #[test]
    fn the_page_says_what_a_bounded_order_holds_for() {
        let order = Order::By(Key::Run, Way::Falling);

        assert_eq!(
            told(order, Some(Within::Newest(1_000))),
            "Sorted by run time within the newest 1,000 jobs that match; older ones are not looked at."
        );
        assert_eq!(told(order, None), "");
        assert_eq!(told(Order::Oldest, None), "");
    }

    #[test]
    fn a_later_page_does_not_claim_to_be_the_first() {
        assert_eq!(shown(Order::Newest, true, (50, Some(7_902))), "50 of 7,902");
        assert_eq!(shown(Order::Newest, false, (50, Some(7_902))), "older jobs, 50 shown of 7,902");
        assert_eq!(shown(Order::Oldest, false, (50, None)), "newer jobs, 50 shown");
    }

    #[test]
    fn chosen_columns_stand_first_in_the_menu() {
        let boxes = boxes(&view(&[("cols", "run,queue")]));

        assert_eq!(boxes.len(), Column::all().count());
        assert_eq!(
            boxes[..3].iter().map(|one| (one.name, one.is_on)).collect::<Vec<_>>(),
            [("run", true), ("queue", true), ("state", false)]
        );
    }
}
