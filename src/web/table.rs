//! Every route on one screen: address, method, handler and who may use it. What is not in the table is closed.

use std::collections::BTreeMap;

use actix_web::dev::Handler;
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{FromRequest, Responder, guard, web};

use super::api::{paths, told};
use super::error::WebError;
use super::form::{Form, Problem};
use super::guard::admit;
use crate::queue::actor::Actor;
use crate::queue::permission::Permission;

/// What the addresses begin with that programs use with a token.
const API: &str = "/api/";
/// What they begin with that answer with documents.
const VERSIONED: &str = "/api/v1/";

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

/// Which parameters the query of an address may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameters {
    /// Whatever comes: the handler judges it.
    Any,
    /// These; others are refused, each named.
    Only(&'static [&'static str]),
}

impl Parameters {
    /// Pages pass over what means nothing to them. Programs are told: a filter that is passed over would answer everything.
    fn of(method: &Method, path: &str) -> Self {
        if *method == Method::GET && path.starts_with(VERSIONED) { Self::Only(&[]) } else { Self::Any }
    }

    /// Refuses parameters that are not among these.
    ///
    /// # Errors
    /// [`WebError::Invalid`] at each of them; [`WebError::Malformed`] when the query cannot be read.
    pub fn check(self, query: &str) -> Result<(), WebError> {
        let Self::Only(known) = self else { return Ok(()) };
        let given = Form::parse(query.as_bytes())?.into_fields();
        let strange = given.into_iter().map(|(name, _)| name).filter(|name| !known.contains(&name.as_str()));
        let problems: Vec<Problem> = strange.map(|name| unknown(name, known)).collect();
        if problems.is_empty() { Ok(()) } else { Err(told(problems)) }
    }
}

fn unknown(name: String, known: &[&str]) -> Problem {
    let offer = match known {
        [] => "it takes none".to_owned(),
        _ => format!("it takes {}", known.join(", ")),
    };
    Problem { message: format!("{name:?} is no parameter here: {offer}"), field: name }
}

/// One line of the table.
pub struct Route {
    method: Method,
    path: &'static str,
    access: Access,
    parameters: Parameters,
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
        Self { parameters: Parameters::of(&method, path), method, path, access, handler }
    }

    /// Says which parameters the query of its address may have; without a word, what reads of the API has none.
    pub fn reading(self, known: &'static [&'static str]) -> Self {
        Self { parameters: Parameters::Only(known), ..self }
    }

    /// Leaves it to the handler to refuse parameters that mean nothing.
    pub fn reading_anything(self) -> Self {
        Self { parameters: Parameters::Any, ..self }
    }

    fn build(&self) -> actix_web::Route {
        let route = match self.method {
            Method::GET => web::route().guard(guard::Any(guard::Get()).or(guard::Head())),
            _ => web::method(self.method.clone()),
        };
        (self.handler)(route)
    }
}

/// What holds for one method of one address.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// Who may use it.
    pub access: Access,
    /// What its query may have.
    pub parameters: Parameters,
}

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

    /// Lists the addresses that are read and what their queries may have, for the test that compares them with what is documented.
    pub fn readings(&self) -> impl Iterator<Item = (&'static str, Parameters)> {
        self.0.iter().filter(|route| route.method == Method::GET).map(|route| (route.path, route.parameters))
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
            let Route { method, access, parameters, .. } = route;
            rules.push(Rule { method: method.clone(), access: *access, parameters: *parameters });
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
    fn what_reads_of_the_api_refuses_parameters_that_it_does_not_know() {
        let only = Parameters::Only(&["limit", "after"]);

        assert!(
            only.check("limit=1&after=2").is_ok() && only.check("").is_ok() && Parameters::Any.check("x=1").is_ok()
        );
        let Err(WebError::Invalid(problems)) = only.check("limitt=1&after=2&%C3%A9") else { panic!("not refused") };
        let told: Vec<_> = problems.iter().map(|one| (one.field.as_str(), one.message.as_str())).collect();
        assert_eq!(
            told,
            [
                ("limitt", "\"limitt\" is no parameter here: it takes limit, after"),
                ("é", "\"é\" is no parameter here: it takes limit, after"),
            ]
        );
        let readings = |route: Route| Table::new(vec![route]).readings().next();
        let access = Access::SignedIn;
        assert_eq!(readings(Route::get("/api/v1/a", access, nothing)), Some(("/api/v1/a", Parameters::Only(&[]))));
        assert_eq!(readings(Route::get("/a", access, nothing)), Some(("/a", Parameters::Any)));
    }

    #[test]
    #[should_panic(expected = "stands twice")]
    fn an_address_cannot_stand_twice() {
        Table::new(vec![Route::get("/a", Access::Open, nothing), Route::get("/a", Access::Open, nothing)]);
    }
}
