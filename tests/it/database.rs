//! The promises of the tests' own databases.

use diesel::connection::SimpleConnection;

use crate::support::TestDb;

#[test]
fn each_test_has_a_database_of_its_own_with_the_whole_schema() {
    let one = TestDb::new();
    let other = TestDb::new();

    one.connect().batch_execute("CREATE TABLE millrace.mine ()").unwrap();

    assert!(one.connect().batch_execute("SELECT FROM millrace.mine").is_ok());
    assert!(other.connect().batch_execute("SELECT FROM millrace.mine").is_err());
    assert_eq!(millrace::base::db::migrate::pending(&mut other.connect()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_database_goes_away_although_a_pool_still_uses_it() {
    let db = TestDb::new();
    let url = db.url().to_owned();
    let pool = db.pool(2);
    let held = pool.get().unwrap();

    drop(db);

    assert!(<diesel::PgConnection as diesel::Connection>::establish(&url).is_err());
    drop(held);
}
