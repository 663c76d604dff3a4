//! `POST /account/theme`: the switch in the top bar. A cookie, so that it acts without script and before sign-in.

use actix_web::HttpResponse;
use actix_web::cookie::{Cookie, SameSite, time::Duration};
use actix_web::http::header;
use actix_web::web::Data;

use super::extract::THEME_COOKIE;
use super::form::Form;
use super::kit::Kit;
use super::look::Theme;
use super::paths;

/// How long a browser remembers the theme.
const REMEMBER: Duration = Duration::days(365);

/// Sets the theme and leads back to where the switch was.
pub async fn switch(kit: Data<Kit>, form: Form) -> HttpResponse {
    let cookie = cookie(&kit, Theme::parse(form.text("theme")));
    HttpResponse::SeeOther().insert_header((header::LOCATION, paths::own(form.text("next")))).cookie(cookie).finish()
}

/// Makes the cookie in which a browser keeps the theme.
pub fn cookie(kit: &Kit, theme: Theme) -> Cookie<'static> {
    Cookie::build(THEME_COOKIE, theme.as_str())
        .path("/")
        .max_age(REMEMBER)
        .http_only(true)
        .secure(kit.settings.is_tls())
        .same_site(SameSite::Lax)
        .finish()
}
