//! Programs that the machine must have.

use std::env;
use std::path::PathBuf;

/// Gives the path of an installed program. The error is the sentence that says how to install it.
pub fn find(name: &str) -> Result<PathBuf, String> {
    let search_path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&search_path)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| format!("{name} is missing: run scripts/prepare.sh test"))
}

#[test]
fn a_missing_browser_names_the_script_that_installs_it() {
    let sentence = find("no-such-chromium").unwrap_err();

    assert!(sentence.contains("no-such-chromium is missing: run scripts/prepare.sh"), "{sentence}");
}
