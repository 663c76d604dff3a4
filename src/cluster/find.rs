//! The server's programs: which are on this machine, and which of them fit a data folder.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::account::{self, Account};
use super::error::ClusterError;
use super::fetch;
use super::process;

/// The oldest PostgreSQL the product's SQL is written for.
pub(super) const OLDEST_MAJOR: u32 = 15;
/// The setting that names a folder of programs, or is `fetch` to pass over installed ones.
const SETTING: &str = "MILLRACE_PG_BIN";
/// How long `postgres --version` may take on a busy machine.
const VERSION_WAIT_MAX: Duration = Duration::from_secs(20);

/// The programs of one PostgreSQL version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Programs {
    pub major: u32,
    bin: PathBuf,
    /// Folders of shared libraries, for programs unpacked from packages; else empty.
    libraries: Vec<PathBuf>,
}

impl Programs {
    /// A command for `program` (`postgres`, `initdb`) that runs as `account`, or as ourselves.
    pub fn command(&self, program: &str, account: Option<&Account>) -> Command {
        let mut command = process::plain_command(self.bin.join(program));
        if let Some(libraries) = joined(&self.libraries) {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        if let Some(account) = account {
            use std::os::unix::process::CommandExt;
            command.gid(account.gid).uid(account.uid); // drops root's other groups too
        }
        command
    }

    /// Looks into `bin`; `None` when its programs are missing or do not run.
    fn at(bin: PathBuf, libraries: Vec<PathBuf>) -> Option<Programs> {
        if !["postgres", "initdb"].iter().all(|program| bin.join(program).is_file()) {
            return None;
        }
        let mut programs = Programs { major: 0, bin, libraries };
        let mut command = programs.command("postgres", None);
        command.arg("--version");
        programs.major = process::run(command, VERSION_WAIT_MAX)
            .inspect_err(|problem| tracing::debug!(%problem, "passed over a PostgreSQL"))
            .ok()
            .and_then(|text| parse_major(&text))?;
        Some(programs)
    }
}

/// Where programs may be taken from.
enum Source {
    Folder(PathBuf),
    FetchedOnly,
    Anywhere,
}

impl Source {
    fn from_setting(value: Option<OsString>) -> Source {
        match value {
            None => Source::Anywhere,
            Some(value) if value.is_empty() => Source::Anywhere,
            Some(value) if value == "fetch" => Source::FetchedOnly,
            Some(value) => Source::Folder(value.into()),
        }
    }
}

/// Finds programs for a data folder of version `wanted` (`None`: a new one), fetching them when needed.
pub(super) fn programs(
    data: &Path,
    wanted: Option<u32>,
    cache: &Path,
    account: Option<&Account>,
) -> Result<Programs, ClusterError> {
    refuse_old(data, wanted)?;
    let source = Source::from_setting(std::env::var_os(SETTING));
    let offered = offered(&source, cache, account);
    if let Some(programs) = choose(&offered, wanted) {
        return Ok(programs);
    }
    if let Source::Folder(folder) = source {
        return Err(match wanted {
            Some(wanted) if !offered.is_empty() => wrong_version(data, wanted, &offered, None),
            _ => ClusterError::BadProgramFolder { folder, oldest: OLDEST_MAJOR },
        });
    }
    fetched(data, wanted, cache, account, &offered)
}

fn fetched(
    data: &Path,
    wanted: Option<u32>,
    cache: &Path,
    account: Option<&Account>,
    installed: &[Programs],
) -> Result<Programs, ClusterError> {
    let refused = |reason: String| match wanted {
        Some(wanted) => wrong_version(data, wanted, installed, Some(reason)),
        None => ClusterError::NoPrograms { oldest: OLDEST_MAJOR, fetching: Some(reason) },
    };
    account::check_reachable(&cache.join("postgresql"), account)?;
    fetch::debian(cache, wanted).map_err(|e| refused(e.to_string()))?;
    choose(&in_cache(cache), wanted).ok_or_else(|| refused("the fetched programs do not run".into()))
}

fn refuse_old(data: &Path, wanted: Option<u32>) -> Result<(), ClusterError> {
    match wanted {
        Some(found) if found < OLDEST_MAJOR => {
            Err(ClusterError::TooOld { data: data.into(), found, oldest: OLDEST_MAJOR })
        }
        _ => Ok(()),
    }
}

fn wrong_version(data: &Path, wanted: u32, offered: &[Programs], fetching: Option<String>) -> ClusterError {
    let mut majors: Vec<u32> = offered.iter().map(|programs| programs.major).collect();
    majors.sort_unstable();
    majors.dedup();
    let majors: Vec<String> = majors.iter().map(u32::to_string).collect();
    let offered = if majors.is_empty() { "none".into() } else { majors.join(", ") };
    ClusterError::WrongVersion { data: data.into(), wanted, offered, fetching }
}

/// The newest that fits; of two alike the earlier, so that an installed one goes before a fetched one.
fn choose(offered: &[Programs], wanted: Option<u32>) -> Option<Programs> {
    let fits =
        |programs: &&Programs| programs.major >= OLDEST_MAJOR && wanted.is_none_or(|wanted| programs.major == wanted);
    offered.iter().rev().filter(fits).max_by_key(|programs| programs.major).cloned()
}

fn offered(source: &Source, cache: &Path, account: Option<&Account>) -> Vec<Programs> {
    let usable =
        |bin: &PathBuf| account.is_none_or(|account| account::blocked_at(&bin.join("postgres"), account).is_none());
    let plain = |bin| Programs::at(bin, Vec::new());
    match source {
        Source::Folder(folder) => plain(folder.clone()).into_iter().collect(),
        Source::FetchedOnly => in_cache(cache),
        Source::Anywhere => {
            let installed = installed_folders().into_iter().filter(usable).filter_map(plain);
            installed.chain(in_cache(cache)).collect()
        }
    }
}

/// Where distributions put the programs, and the search path.
fn installed_folders() -> Vec<PathBuf> {
    let debian = subfolders(Path::new("/usr/lib/postgresql")).into_iter().map(|v| v.join("bin"));
    let fedora = subfolders(Path::new("/usr"))
        .into_iter()
        .filter(|folder| folder.to_string_lossy().starts_with("/usr/pgsql-"))
        .map(|folder| folder.join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let searched = std::env::split_paths(&path).filter(|folder| folder.is_absolute());
    debian.chain(fedora).chain(searched).collect()
}

fn in_cache(cache: &Path) -> Vec<Programs> {
    let unpacked = |root: PathBuf| {
        let versions = subfolders(&root.join("usr/lib/postgresql"));
        let libraries = library_folders(&root);
        versions.into_iter().filter_map(move |v| Programs::at(v.join("bin"), libraries.clone()))
    };
    let finished = |root: &PathBuf| root.extension().is_none();
    subfolders(cache).into_iter().filter(finished).flat_map(unpacked).collect()
}

fn library_folders(root: &Path) -> Vec<PathBuf> {
    let parents = [root.join("usr/lib"), root.join("lib")];
    let folders = parents.iter().flat_map(|parent| subfolders(parent));
    folders.filter(|folder| folder.to_string_lossy().ends_with("-linux-gnu")).collect()
}

/// The folders in `folder`, by name; none when it is missing or closed to us.
fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|e| e.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn joined(folders: &[PathBuf]) -> Option<OsString> {
    // Fails only for a path with a colon, where the variable could not be said anyway.
    if folders.is_empty() { None } else { std::env::join_paths(folders).ok() }
}

/// Reads `postgres (PostgreSQL) 15.18 (Debian …)`, also `17beta2`.
fn parse_major(version: &str) -> Option<u32> {
    let number = version.split("(PostgreSQL)").nth(1)?.trim_start();
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(name: &str, major: u32) -> Programs {
        Programs { major, bin: name.into(), libraries: Vec::new() }
    }

    #[test]
    fn the_major_version_is_read() {
        for (text, major) in [
            ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n", Some(15)),
            ("postgres (PostgreSQL) 18beta1", Some(18)),
            ("postgres (PostgreSQL) 17", Some(17)),
            ("bash: postgres: not found", None),
            ("", None),
        ] {
            assert_eq!(parse_major(text), major, "{text}");
        }
    }

    #[test]
    fn the_newest_that_fits_is_chosen() {
        let offered = [offer("a", 15), offer("b", 17), offer("c", 17), offer("old", 14)];

        for (wanted, chosen) in [(None, Some("b")), (Some(15), Some("a")), (Some(16), None), (Some(14), None)] {
            let bin = choose(&offered, wanted).map(|programs| programs.bin);
            assert_eq!(bin, chosen.map(PathBuf::from), "{wanted:?}");
        }
    }

    #[test]
    fn the_setting_is_a_folder_or_the_word_fetch() {
        assert!(matches!(Source::from_setting(None), Source::Anywhere));
        assert!(matches!(Source::from_setting(Some("".into())), Source::Anywhere));
        assert!(matches!(Source::from_setting(Some("fetch".into())), Source::FetchedOnly));
        assert!(matches!(Source::from_setting(Some("/opt/pg/bin".into())), Source::Folder(_)));
    }
}
