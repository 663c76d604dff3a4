//! Slots of a node as a row of cells, darker the longer the job in them runs.

use super::charts::{Bar, short};

/// Most cells of a row; of more slots each cell stands for several.
pub const CELLS_MAX: usize = 40;
/// Gap between two cells, in percent of the row.
const GAP: f64 = 0.7;

/// Lays out `slots` cells of which `busy` are at work. `ages_s` are the ages of what runs, longest first, in seconds.
pub fn cells(busy: i32, slots: i32, ages_s: &[f64]) -> Vec<Bar> {
    let slots = usize::try_from(slots).unwrap_or(0);
    let shown = slots.min(CELLS_MAX);
    let ages = sampled(ages_s, busy, slots, shown);
    let width = 100.0 / shown.max(1) as f64;
    let cell = |place: usize| Bar {
        class: ages.get(place).map_or("h0", |age| shade(*age)),
        x: short(place as f64 * width),
        y: "0".into(),
        width: short((width - GAP).max(0.3)),
        height: "100".into(),
    };
    (0..shown).map(cell).collect()
}

/// Picks the ages for the shown cells: as many as the busy share of them.
fn sampled(ages: &[f64], busy: i32, slots: usize, shown: usize) -> Vec<f64> {
    let busy = usize::try_from(busy).unwrap_or(0).min(slots);
    let cells = if slots == 0 { 0 } else { (busy * shown).div_ceil(slots) };
    (0..cells).map(|place| ages.get(place * ages.len().max(1) / cells.max(1)).copied().unwrap_or(0.0)).collect()
}

fn shade(age_s: f64) -> &'static str {
    match age_s {
        age if age < 1.0 => "h1",
        age if age < 10.0 => "h2",
        age if age < 60.0 => "h3",
        age if age < 600.0 => "h4",
        _ => "h5",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_show_the_busy_share() {
        assert_eq!(sampled(&[9.0, 5.0, 1.0], 3, 6, 6), [9.0, 5.0, 1.0]);
        assert_eq!(sampled(&[9.0, 5.0], 80, 160, 40).len(), 20);
        assert!(sampled(&[], 0, 0, 0).is_empty());
    }

    #[test]
    fn a_row_has_a_cell_for_each_slot_until_there_are_too_many() {
        let row = cells(2, 4, &[700.0, 0.2]);

        assert_eq!(row.iter().map(|cell| cell.class).collect::<Vec<_>>(), ["h5", "h1", "h0", "h0"]);
        assert_eq!(cells(400, 400, &[]).len(), CELLS_MAX);
        assert!(cells(3, 0, &[]).is_empty());
    }
}
