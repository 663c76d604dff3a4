//! Cookies of the present page's site.

use serde_json::{Value, json};

use super::browser::Browser;

impl Browser {
    /// The value of a cookie; `None` when the site has none of that name.
    #[track_caller]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let cookies = self.session().get("/cookie").unwrap_or_else(|e| panic!("cookies cannot be read: {e}"));
        let cookie = cookies.as_array().and_then(|all| all.iter().find(|cookie| cookie["name"] == name).cloned());
        cookie.as_ref().and_then(|cookie| cookie["value"].as_str()).map(str::to_owned)
    }

    /// Gives the site of the present page a cookie, as if it had set it for all its paths.
    #[track_caller]
    pub fn set_cookie(&self, name: &str, value: &str) {
        let cookie = json!({"cookie": {"name": name, "value": value, "path": "/", "httpOnly": true}});
        self.session().post("/cookie", &cookie).map_or_else(|e| panic!("{name} cannot be set: {e}"), drop::<Value>);
    }

    /// Takes all cookies of the present page's site away: whoever was signed in is not any more.
    #[track_caller]
    pub fn forget_cookies(&self) {
        self.session().delete("/cookie").map_or_else(|e| panic!("cookies cannot be removed: {e}"), drop::<Value>);
    }
}
