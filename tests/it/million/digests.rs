//! A digest is made every few seconds beside the work: it reads its own block, however much history there is.

use diesel::connection::SimpleConnection;
use millrace::queue::digests::{BLOCK_IDS, digest};

use super::database::with_either_statistics;
use super::reads::reads;

#[test]
fn a_digest_reads_the_jobs_of_its_block_with_a_plan_for_all_blocks() {
    with_either_statistics(|conn| {
        for mode in ["force_generic_plan", "force_custom_plan"] {
            conn.batch_execute(&format!("SET plan_cache_mode = {mode}")).unwrap();
            for block in [1, 100, 240] {
                reads(conn, |conn| assert!(digest(conn, block).unwrap())).are_few(BLOCK_IDS / 2); // every second id is a job
            }
        }
        conn.batch_execute("DELETE FROM millrace.digests").unwrap(); // what other tests look through has none
    });
}
