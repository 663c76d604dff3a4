//! An element of the page, and what a person does with it.

use serde_json::{Value, json};

use super::browser::{Browser, poll};
use super::session::Session;
use super::wire::{Refused, nothing};
use crate::support::stage::PATIENCE;

/// The name under which WebDriver sends an element.
const REFERENCE: &str = "element-6066-11e4-a52e-4f735466cecf";
/// Finds elements by what a person calls them.
const FIND: &str = include_str!("find.js");

/// An element of a page. It goes stale, and its methods panic, when the page replaces it: look it up anew after a change.
pub struct Element<'b> {
    session: &'b Session,
    reference: Value,
}

impl<'b> Element<'b> {
    /// Gives the element that an answer refers to.
    pub(super) fn of(session: &'b Session, answer: &Value) -> Result<Element<'b>, Refused> {
        match answer[REFERENCE].as_str() {
            Some(_) => Ok(Element { session, reference: answer.clone() }),
            None => Err(Refused::new("no such element", format!("{answer} is none"))),
        }
    }

    /// What it shows, as the page sets it.
    #[track_caller]
    pub fn text(&self) -> String {
        self.get("text").as_str().unwrap_or_default().to_owned()
    }

    /// An attribute as the page was written; `None` when it has none of that name.
    #[track_caller]
    pub fn attribute(&self, name: &str) -> Option<String> {
        let value = done(self.try_run("return arguments[0].getAttribute(arguments[1])", &[json!(name)]));
        value.as_str().map(str::to_owned)
    }

    /// What a form control holds now.
    #[track_caller]
    pub fn value(&self) -> String {
        self.get("property/value").as_str().unwrap_or_default().to_owned()
    }

    /// Whether a tick box or a radio button is chosen now.
    #[track_caller]
    pub fn is_ticked(&self) -> bool {
        self.get("selected") == true
    }

    /// Presses it once nothing lies over it. A link's page has loaded when this returns.
    #[track_caller]
    pub fn click(&self) {
        done(poll(PATIENCE, || self.try_click()));
    }

    /// Types at the end of what it holds. Keys without a character are in [`super::keys`].
    #[track_caller]
    pub fn type_text(&self, text: &str) {
        done(self.post("value", &json!({"text": text})));
    }

    /// Sends its form the way the Enter key does.
    #[track_caller]
    pub fn submit(&self) {
        self.type_text(super::keys::ENTER);
    }

    /// Presses the one button, link or tick box in it that is called `name`.
    #[track_caller]
    pub fn press(&self, name: &str) {
        done(poll(PATIENCE, || self.one("pressable", name)?.try_click()));
    }

    /// Puts `value` into the one field in it that is called `field` by its name, id or label.
    ///
    /// Text is typed over what was there; a select or a group of radio buttons takes the option of that value or text.
    #[track_caller]
    pub fn fill(&self, field: &str, value: &str) {
        done(poll(PATIENCE, || self.one("field", field)?.try_fill(value)));
    }

    /// Gives the one element in it that shows exactly `text`.
    #[track_caller]
    pub fn find_text(&self, text: &str) -> Element<'b> {
        done(poll(PATIENCE, || self.one("text", text)))
    }

    /// The one visible element in it of a kind that `find.js` knows, called `name`.
    fn one(&self, kind: &str, name: &str) -> Result<Element<'b>, Refused> {
        let found = self.session.script(FIND, &[self.reference.clone(), json!(kind), json!(name)])?;
        match found.as_array().map(Vec::as_slice) {
            Some([one]) => Element::of(self.session, one),
            Some([]) => Err(Refused::new("no such element", format!("no {kind} is called “{name}”"))),
            Some(many) => Err(Refused::new("not one", format!("{} are called “{name}” ({kind})", many.len()))),
            None => Err(Refused::new("no such element", found.to_string())),
        }
    }

    fn try_click(&self) -> Result<(), Refused> {
        // In the middle, away from bars that stick to an edge.
        const SHOW: &str = "arguments[0].scrollIntoView({block: 'center', inline: 'nearest', behavior: 'instant'})";
        // Nobody presses what is greyed out, and the driver would tell nothing of it.
        const IS_OFF: &str = "return arguments[0].matches(':disabled')";
        self.try_run(SHOW, &[])?;
        if self.try_run(IS_OFF, &[])? == true {
            return Err(Refused::new("disabled", "it is greyed out"));
        }
        self.post("click", &nothing())
    }

    fn try_fill(&self, value: &str) -> Result<(), Refused> {
        // Dates, colours and the like are typed differently in each country.
        const HOW: &str = "const [e] = arguments; return e.matches('select, [type=radio]') ? 'choose'
            : e.matches('textarea, [type=text], [type=search], [type=email], [type=password], [type=number], [type=url], \
              [type=tel], input:not([type])') ? 'type' : 'set'";
        const SET: &str = "const [e, value] = arguments; e.value = value;
            for (const kind of ['input', 'change']) e.dispatchEvent(new Event(kind, {bubbles: true}))";
        match self.try_run(HOW, &[])?.as_str() {
            Some("choose") => self.one("option", value)?.try_click(),
            Some("type") => {
                self.post("clear", &nothing())?;
                self.post("value", &json!({"text": value}))
            }
            _ => self.try_run(SET, &[json!(value)]).map(drop),
        }
    }

    #[track_caller]
    fn get(&self, what: &str) -> Value {
        done(self.path().and_then(|path| self.session.get(&format!("{path}/{what}"))))
    }

    fn post(&self, act: &str, arguments: &Value) -> Result<(), Refused> {
        self.session.post(&format!("{}/{act}", self.path()?), arguments).map(drop)
    }

    fn try_run(&self, body: &str, more: &[Value]) -> Result<Value, Refused> {
        let arguments: Vec<_> = [self.reference.clone()].into_iter().chain(more.iter().cloned()).collect();
        self.session.script(body, &arguments)
    }

    fn path(&self) -> Result<String, Refused> {
        let id = self.reference[REFERENCE].as_str().ok_or_else(|| Refused::new("no such element", "it has no id"))?;
        Ok(format!("/element/{id}"))
    }
}

/// What acts on the whole page.
impl Browser {
    /// Gives the first element that `css` selects, once there is one.
    #[track_caller]
    pub fn find(&self, css: &str) -> Element<'_> {
        done(poll(PATIENCE, || self.first(css)))
    }

    /// Gives the elements that `css` selects now.
    #[track_caller]
    pub fn find_all(&self, css: &str) -> Vec<Element<'_>> {
        let found = done(self.session().post("/elements", &json!({"using": "css selector", "value": css})));
        let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
        found.iter().map(|answer| done(Element::of(self.session(), answer))).collect()
    }

    /// Gives the one element that shows exactly `text`.
    #[track_caller]
    pub fn find_text(&self, text: &str) -> Element<'_> {
        done(poll(PATIENCE, || self.first("html")?.one("text", text)))
    }

    /// Presses the one button, link or tick box called `name`. A link's page has loaded when this returns.
    #[track_caller]
    pub fn press(&self, name: &str) {
        self.insist(|| self.first("html")?.one("pressable", name)?.try_click());
    }

    /// Puts `value` into the one field that is called `field` by its name, id or label. See [`Element::fill`].
    #[track_caller]
    pub fn fill(&self, field: &str, value: &str) {
        self.insist(|| self.first("html")?.one("field", field)?.try_fill(value));
    }

    fn first(&self, css: &str) -> Result<Element<'_>, Refused> {
        let answer = self.session().post("/element", &json!({"using": "css selector", "value": css}))?;
        Element::of(self.session(), &answer)
    }

    #[track_caller]
    fn insist(&self, act: impl FnMut() -> Result<(), Refused>) {
        if let Err(problem) = poll(PATIENCE, act) {
            panic!("{problem}. {}", self.present());
        }
    }
}

#[track_caller]
fn done<T>(result: Result<T, Refused>) -> T {
    result.unwrap_or_else(|problem| panic!("{problem}"))
}
