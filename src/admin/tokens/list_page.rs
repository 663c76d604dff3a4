//! `GET /tokens`: one's own tokens; for whoever manages people, everybody's.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;

use super::page::told;
use super::service::{self as tokens, Owner, Token};
use crate::admin::people;
use crate::base::clock::Time;
use crate::queue::access::session::SignedIn;
use crate::queue::permission::Permission;
use crate::web::error::WebError;
use crate::web::extract::Query;
use crate::web::format::Stamp;
use crate::web::kit::Kit;
use crate::web::parts::Tab;
use crate::web::rail::Section;
use crate::web::request::Hx;
use crate::web::shell::Shell;
use crate::web::table::{Access, Route};
use crate::web::{paths, respond};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get(paths::TOKENS, Access::Needs(Permission::OwnAccount), show)]
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Usable,
    Expired,
    Revoked,
}

impl Standing {
    fn of(token: &Token, now: Time) -> Self {
        if token.revoked_at.is_some() {
            Self::Revoked
        } else if token.expires_at.is_some_and(|at| at <= now) {
            Self::Expired
        } else {
            Self::Usable
        }
    }
}

/// One token as the list shows it.
struct Row {
    id: String,
    name: String,
    hint: String,
    owner: String,
    scopes: String,
    expires: Option<Stamp>,
    used: Option<Stamp>,
    standing: Standing,
    revoke: String,
}

impl Row {
    fn new(shell: &Shell, token: Token) -> Self {
        Self {
            id: token.id.to_string(),
            standing: Standing::of(&token, shell.now),
            hint: format!("{}…", token.hint),
            owner: token.email,
            scopes: token.scopes.join(" "),
            expires: token.expires_at.map(|at| shell.stamp(at)),
            used: token.last_used_at.map(|at| shell.stamp(at)),
            revoke: paths::token_revoke(token.id.0),
            name: token.name,
        }
    }

    fn usable(&self) -> bool {
        self.standing == Standing::Usable
    }

    fn word(&self) -> &'static str {
        match self.standing {
            Standing::Usable => "usable",
            Standing::Expired => "expired",
            Standing::Revoked => "revoked",
        }
    }
}

#[derive(Template)]
#[template(path = "tokens/index.html")]
struct ListPage {
    shell: Shell,
    tabs: Vec<Tab>,
    whose: Vec<Tab>,
    everybody: bool,
    rows: Vec<Row>,
}

async fn show(hx: Hx, kit: Data<Kit>, who: SignedIn, shell: Shell, query: Query) -> Result<HttpResponse, WebError> {
    let may_see_all = who.actor.may(Permission::ManagePeople);
    let everybody = may_see_all && query.0.text("whose") == "all";
    let owner = if everybody { Owner::Anybody } else { Owner::Person(who.person) };
    let (actor, clock) = (who.actor.clone(), Arc::clone(&kit.clock));
    let found = kit.db.run(move |conn| tokens::list(conn, &*clock, &actor, owner)).await.map_err(told)?;
    let shell = shell.titled("Tokens", Section::People);
    let rows = found.into_iter().map(|token| Row::new(&shell, token)).collect();
    let (tabs, whose) =
        if may_see_all { (people::page::tabs(paths::TOKENS), whose(everybody)) } else { Default::default() };
    respond::page(&hx, &ListPage { shell, tabs, whose, everybody, rows }, &[])
}

fn whose(everybody: bool) -> Vec<Tab> {
    let all = paths::with_query(paths::TOKENS, &[("whose", "all")]);
    vec![Tab::new("My own", paths::TOKENS, !everybody), Tab::new("Everybody's", all, everybody)]
}
