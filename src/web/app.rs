//! The application: the order of the layers, which must not be got wrong.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::{Compress, from_fn};
use actix_web::web::{self, Data};
use actix_web::{App, Error};

use super::kit::Kit;
use super::table::{Access, Route};
use super::{assets, design, guard, headers, paths, session, theme};

/// Builds the application of one worker around `kit`, whose table holds every route.
///
/// ```text
/// dress (id, host, headers) ▸ compress ▸ files
///                                      ▸ session ▸ guard of each route ▸ handler
/// ```
pub fn app(
    kit: Kit,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody + use<>>,
        Error = Error,
        InitError = (),
    > + use<>,
> {
    let (sessions, table) = (session::middleware(&kit), kit.table.clone());
    let pages = web::scope("")
        .wrap(sessions)
        .configure(|scope| table.register(scope))
        .default_service(web::to(guard::nothing_here));
    App::new()
        .app_data(Data::new(kit))
        .wrap(Compress::default())
        .wrap(from_fn(headers::dress)) // wrapped last, runs first
        .configure(assets::register)
        .service(pages)
}

/// The routes of the kit itself. `design` adds the page of components.
pub fn routes(with_design: bool) -> Vec<Route> {
    let mut routes = vec![Route::post(paths::THEME, Access::Open, theme::switch)];
    if with_design {
        routes.extend(design::routes());
    }
    routes
}
