use millrace::admin::account::setup::{self, FirstAdmin, SetupError};
use millrace::queue::permission::Role;

use super::{GOOD, Stage, cli};

const ADMIN: FirstAdmin<'static> = FirstAdmin { email: "root@example.org", name: "", password: GOOD };

#[test]
fn a_link_makes_the_first_admin_once() {
    let mut stage = Stage::new();
    let link = setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap().unwrap();

    let admin = setup::by_link(&mut stage.conn, &stage.clock, None, &link, &ADMIN).unwrap();
    let other = FirstAdmin { email: "eve@example.org", ..ADMIN };
    let again = setup::by_link(&mut stage.conn, &stage.clock, None, &link, &other);

    assert_eq!((admin.role, admin.name.as_str()), (Role::Admin, "root"));
    assert!(matches!(again, Err(SetupError::LinkInvalid)));
    assert_eq!(setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap(), None, "there is an admin");
    assert_eq!(stage.acts(), ["setup.link", "person.add"]);
}

#[test]
fn a_link_lasts_a_quarter_of_an_hour_and_only_the_last_one_works() {
    let mut stage = Stage::new();
    let first = setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap().unwrap();
    let second = setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap().unwrap();

    assert!(!setup::is_valid(&mut stage.conn, &stage.clock, &first).unwrap());
    assert!(setup::is_valid(&mut stage.conn, &stage.clock, &second).unwrap());
    stage.wait(15 * 60);
    assert!(!setup::is_valid(&mut stage.conn, &stage.clock, &second).unwrap());
    let late = setup::by_link(&mut stage.conn, &stage.clock, None, &second, &ADMIN);
    assert!(matches!(late, Err(SetupError::LinkInvalid)));
}

#[test]
fn links_of_nodes_that_start_at_once_all_work_until_one_is_used() {
    let mut stage = Stage::new();
    let [first, second] = [(), ()].map(|()| setup::start_link(&mut stage.conn, &stage.clock).unwrap().unwrap());

    assert!(setup::is_valid(&mut stage.conn, &stage.clock, &first).unwrap());
    assert!(setup::by_link(&mut stage.conn, &stage.clock, None, &second, &ADMIN).is_ok());
    let other = FirstAdmin { email: "eve@example.org", ..ADMIN };
    let late = setup::by_link(&mut stage.conn, &stage.clock, None, &first, &other);
    assert!(matches!(late, Err(SetupError::LinkInvalid)));
}

#[test]
fn bad_input_does_not_use_the_link_up() {
    let mut stage = Stage::new();
    let link = setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap().unwrap();

    for bad in [
        FirstAdmin { email: "root", ..ADMIN },
        FirstAdmin { name: "a\0b", ..ADMIN },
        FirstAdmin { password: "short", ..ADMIN },
        FirstAdmin { password: "password1234", ..ADMIN },
        FirstAdmin { password: "root@example.org", ..ADMIN },
    ] {
        assert!(setup::by_link(&mut stage.conn, &stage.clock, None, &link, &bad).is_err());
    }
    assert!(setup::by_link(&mut stage.conn, &stage.clock, None, &link, &ADMIN).is_ok());
}

#[test]
fn two_people_with_one_link_make_one_admin() {
    let mut stage = Stage::new();
    let link = setup::new_link(&mut stage.conn, &stage.clock, &cli()).unwrap().unwrap();

    let made = std::thread::scope(|scope| {
        let make = |email| {
            let (mut conn, clock, link) = (stage.connect(), &stage.clock, &link);
            let typed = FirstAdmin { email, ..ADMIN };
            scope.spawn(move || setup::by_link(&mut conn, clock, None, link, &typed).is_ok())
        };
        let threads = [make("a@example.org"), make("b@example.org")];
        threads.map(|thread| thread.join().unwrap()).into_iter().filter(|made| *made).count()
    });

    assert_eq!(made, 1);
}

#[test]
fn settings_make_the_first_admin_only_while_there_is_none() {
    let mut stage = Stage::new();

    assert!(setup::by_settings(&mut stage.conn, &stage.clock, &ADMIN).unwrap().is_some());
    assert!(setup::by_settings(&mut stage.conn, &stage.clock, &ADMIN).unwrap().is_none());
    let weak = FirstAdmin { password: "password1234", ..ADMIN };
    let mut empty = Stage::new();
    assert!(matches!(setup::by_settings(&mut empty.conn, &empty.clock, &weak), Err(SetupError::Weak(_))));
}
