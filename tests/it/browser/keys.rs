//! Keys without a character, as WebDriver writes them.

use serde_json::json;

use super::browser::Browser;

pub const TAB: &str = "\u{E004}";
pub const ENTER: &str = "\u{E007}";
pub const SHIFT: &str = "\u{E008}";
pub const DOWN: &str = "\u{E015}";
pub const CONTROL: &str = "\u{E009}";
pub const ESCAPE: &str = "\u{E00C}";

impl Browser {
    /// Presses keys together, in this order, where the focus is: `&[keys::CONTROL, "k"]`.
    #[track_caller]
    pub fn press_keys(&self, keys: &[&str]) {
        let down = keys.iter().map(|key| json!({"type": "keyDown", "value": key}));
        let up = keys.iter().rev().map(|key| json!({"type": "keyUp", "value": key}));
        let strokes: Vec<_> = down.chain(up).collect();
        let actions = json!({"actions": [{"type": "key", "id": "keyboard", "actions": strokes}]});
        if let Err(problem) = self.session().post("/actions", &actions) {
            panic!("the keys {keys:?} cannot be pressed: {problem}");
        }
    }
}
