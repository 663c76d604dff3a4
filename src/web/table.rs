//! Every route on one screen: address, method, handler and who may use it. What is not in the table is closed.

use std::collections::BTreeMap;

use actix_web::dev::Handler;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Responder, guard, web};

use super::api::paths;
use super::error::WebError;
use super::guard::admit;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;

/// What the addresses begin with that programs use with a token.
const API: &str = "/api/";

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody: sign-in, first run, health.
    Open,
    /// Everybody who is signed in or has a token.
    SignedIn,
    /// Whoever holds the permission; the service checks the scope.
    Needs(Permission),
}

impl Access {
    /// Tells whether `actor` may use the route.
    ///
    /// # Errors
    /// [`WebError::SignIn`] or [`WebError::Forbidden`].
    pub fn check(self, actor: Option<&Actor>) -> Result<(), WebError> {
        match (self, actor) {
            (Self::Open, _) | (Self::SignedIn, Some(_)) => Ok(()),
            (Self::SignedIn | Self::Needs(_), None) => Err(WebError::SignIn),
            (Self::Needs(permission), Some(actor)) => Ok(actor.require(permission)?),
        }
    }
}

/// One line of the table.
pub struct Route {
    method: Method,
    path: &'static str,
    access: Access,
    handler: Box<dyn Fn(actix_web::Route) -> actix_web::Route + Send + Sync>,
}

impl Route {
    /// Reads: `GET` and `HEAD`.
    pub fn get<H, A>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<A> + Send + Sync,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        Self::new(Method::GET, path, access, handler)
    }

    /// Acts: `POST`.
    pub fn post<H, A>(path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<A> + Send + Sync,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        Self::new(Method::POST, path, access, handler)
    }

    /// Any other method of the API.
    pub fn new<H, A>(method: Method, path: &'static str, access: Access, handler: H) -> Self
    where
        H: Handler<A> + Send + Sync,
        A: FromRequest + 'static,
        H::Output: Responder + 'static,
    {
        let handler = Box::new(move |route: actix_web::Route| route.to(handler.clone()));
        Self { method, path, access, handler }
    }

    fn build(&self) -> actix_web::Route {
        let route = match self.method {
            Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            _ => web::method(self.method.clone()),
        };
        (self.handler)(route)
    }
}

/// The access of one method of one address.
pub type Rule = (Method, Access);

/// All routes.
pub struct Table(Vec<Route>);

impl Table {
    /// Sorts the routes so that a fixed word wins over a part in braces at the same place (`/jobs/new`, `/jobs/{id}`).
    ///
    /// # Panics
    /// When a method of an address stands twice: one of them would never be reached.
    pub fn new(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| route.path.split('/').map(|part| part.contains('{')).collect::<Vec<_>>());
        for (place, route) in routes.iter().enumerate() {
            let twin = routes[..place].iter().any(|other| (other.path, &other.method) == (route.path, &route.method));
            assert!(!twin, "{} {} stands twice in the route table", route.method, route.path);
        }
        Self(routes)
    }

    /// Lists method, address and access of every route, for the test that walks routes and roles.
    pub fn rows(&self) -> impl Iterator<Item = (&Method, &'static str, Access)> {
        self.0.iter().map(|route| (&route.method, route.path, route.access))
    }

    /// Tells whether there is a page at `path` (a pattern) and `actor` may open it.
    pub fn may_open(&self, path: &str, actor: Option<&Actor>) -> bool {
        let page = self.rows().find(|(method, known, _)| **method == Method::GET && *known == path);
        page.is_some_and(|(_, _, access)| access.check(actor).is_ok())
    }

    /// Lists the areas that token scopes can name, because some route of the API asks for them; each with whether one of
    /// its routes changes something.
    pub fn areas(&self) -> BTreeMap<&'static str, bool> {
        let needed = self.rows().filter_map(|(_, path, access)| match access {
            Access::Needs(permission) if path.starts_with(API) => Some(permission),
            // it looks at token and address itself
            _ if path == paths::METRICS => Some(Permission::ReadHealth),
            _ => None,
        });
        let mut areas = BTreeMap::new();
        for (area, writes) in needed.map(Permission::token_scope) {
            *areas.entry(area).or_default() |= writes;
        }
        areas
    }

    /// Registers every route behind the guard.
    pub fn register(&self, app: &mut web::ServiceConfig) {
        let mut paths: Vec<&str> = Vec::new();
        for path in self.0.iter().map(|route| route.path) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        for path in paths {
            self.register_path(app, path);
        }
    }

    fn register_path(&self, app: &mut web::ServiceConfig, path: &str) {
        let mut resource = web::resource(path);
        let mut rules: Vec<Rule> = Vec::new();
        for route in self.0.iter().filter(|route| route.path == path) {
            resource = resource.route(route.build());
            rules.push((route.method.clone(), route.access));
        }
        let rules: std::rc::Rc<[Rule]> = rules.into();
        app.service(resource.wrap(from_fn(move |request, next| admit(rules.clone(), request, next))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::permission::Role;
    use actix_web::HttpResponse;

    async fn nothing() -> HttpResponse {
        HttpResponse::Ok().finish()
    }

    fn viewer() -> Actor {
        Actor { role: Role::Viewer, ..Actor::system("v") }
    }

    #[test]
    fn closed_unless_the_table_says_otherwise() {
        let table = Table::new(vec![
            Route::get("/jobs/{id}", Access::Needs(Permission::ReadJobs), nothing),
            Route::get("/jobs/new", Access::Needs(Permission::Enqueue), nothing),
            Route::get("/account", Access::SignedIn, nothing),
            Route::post("/sign-in", Access::Open, nothing),
        ]);

        assert!(table.may_open("/account", Some(&viewer())) && !table.may_open("/account", None));
        assert!(!table.may_open("/jobs/new", Some(&viewer())) && !table.may_open("/nothing", Some(&viewer())));
        let order: Vec<_> = table.rows().map(|(_, path, _)| path).filter(|path| path.starts_with("/jobs")).collect();
        assert_eq!(order, ["/jobs/new", "/jobs/{id}"]);
    }

    #[test]
    fn the_areas_are_those_that_routes_of_the_api_ask_for() {
        let table = Table::new(vec![
            Route::get("/api/v1/jobs", Access::Needs(Permission::ReadJobs), nothing),
            Route::post("/api/v1/jobs", Access::Needs(Permission::Enqueue), nothing),
            Route::get("/api/v1/counts", Access::Needs(Permission::ReadCounts), nothing),
            Route::post("/people/new", Access::Needs(Permission::ManagePeople), nothing),
            Route::get("/metrics", Access::Open, nothing),
        ]);

        assert_eq!(
            table.areas().into_iter().collect::<Vec<_>>(),
            [("counts", false), ("health", false), ("jobs", true)]
        );
    }

    #[test]
    #[should_panic(expected = "stands twice")]
    fn an_address_cannot_stand_twice() {
        Table::new(vec![Route::get("/a", Access::Open, nothing), Route::get("/a", Access::Open, nothing)]);
    }
}
