//! Fetches the distribution's own server packages into a cache folder, without root.
//!
//! The packages are downloaded and unpacked, never installed: the system, its services and
//! port 5432 stay as they are. Debian's server finds its files relative to its programs, so it runs
//! from any folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::error::ClusterError;
use super::find::OLDEST_MAJOR;
use super::folder;
use super::lock::Lock;
use super::process;

/// How long one step (package lists, download) may take on a slow line.
const STEP_WAIT_MAX: Duration = Duration::from_secs(300);
/// How long we wait for another process that fetches into the same cache.
const OTHER_WAIT_MAX: Duration = Duration::from_secs(600);
/// Packages that the server names but does not need here: they are most of its size.
const PASSED_OVER: [&str; 4] = ["libllvm", "libperl", "libz3", "libgdbm"];

/// Unpacks the server of version `wanted`, or the newest offered, into `cache/postgresql-<major>`.
///
/// The folder gets its name only when complete. Fails when there is no `apt-get`, no network, or
/// no package of that version; the text says which.
pub(super) fn debian(cache: &Path, wanted: Option<u32>) -> Result<(), ClusterError> {
    folder::make_public(cache)?;
    let lock = Lock::take(&cache.join("fetch.lock"), None, OTHER_WAIT_MAX)?;
    if lock.is_none() {
        return Err(failed("another process has been fetching for 10 minutes"));
    }
    if wanted.is_some_and(|major| finished(cache, major).is_dir()) {
        return Ok(()); // somebody else fetched it while we waited
    }
    tracing::info!(cache = %cache.display(), "no fitting PostgreSQL here: fetching the distribution's packages");
    let apt = Apt::in_cache(cache)?;
    let fetched = apt.fetch(cache, wanted);
    // Lists and archives are worth nothing afterwards, and large.
    fs::remove_dir_all(&apt.folder).map_err(removing(&apt.folder))?;
    fetched
}

/// apt-get and its relatives with state of their own, so that they need neither root nor its locks.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn in_cache(cache: &Path) -> Result<Apt, ClusterError> {
        let folder = cache.join("apt.new");
        for part in ["lists/partial", "archives/partial"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).map_err(ClusterError::when(format!("make {}", part.display())))?;
        }
        Ok(Apt { folder })
    }

    fn fetch(&self, cache: &Path, wanted: Option<u32>) -> Result<(), ClusterError> {
        self.run("apt-get", &["update"])?;
        let offered = offered_majors(&self.run("apt-cache", &["pkgnames", "postgresql-"])?);
        let major = pick(&offered, wanted)?;
        self.download(major)?;
        unpack(&self.archives()?, cache, major)
    }

    /// Downloads the server and what of its needs is not installed.
    fn download(&self, major: u32) -> Result<(), ClusterError> {
        let package = format!("postgresql-{major}");
        let install = ["install", "-y", "--no-install-recommends", "--download-only", &package];
        self.run("apt-get", &install)?;
        if self.archives()?.is_empty() {
            // Installed in this very version, so there was nothing to install.
            self.run("apt-get", &["download", &package, "libpq5"])?;
        }
        Ok(())
    }

    fn archives(&self) -> Result<Vec<PathBuf>, ClusterError> {
        let folder = self.folder.join("archives");
        let entries = fs::read_dir(&folder).map_err(ClusterError::when(format!("read {}", folder.display())))?;
        let packages = entries.flatten().map(|entry| entry.path());
        Ok(packages.filter(|path| path.extension().is_some_and(|e| e == "deb")).collect())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<String, ClusterError> {
        let folder = self.folder.display();
        let mut command = Command::new(program);
        command
            .args(["-qq", "-o", "Debug::NoLocking=1", "-o", "Acquire::Retries=2"])
            .args(["-o", "Acquire::http::Timeout=30", "-o", "Acquire::https::Timeout=30"])
            .args(["-o", "APT::Sandbox::User=root"]) // else it wants to give the files to user _apt
            .args(["-o", &format!("Dir::State::Lists={folder}/lists")])
            .args(["-o", &format!("Dir::Cache={folder}")])
            .args(["-o", &format!("Dir::Cache::archives={folder}/archives")])
            .args(arguments)
            .current_dir(self.folder.join("archives"))
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null());
        process::run(command, STEP_WAIT_MAX)
    }
}

fn unpack(packages: &[PathBuf], cache: &Path, major: u32) -> Result<(), ClusterError> {
    let root = cache.join(format!("postgresql-{major}.new"));
    if root.exists() {
        fs::remove_dir_all(&root).map_err(removing(&root))?;
    }
    folder::make_public(&root)?;
    for package in packages.iter().filter(|package| is_needed(package)) {
        let mut command = process::plain_command("dpkg-deb");
        command.arg("-x").arg(package).arg(&root);
        process::run(command, STEP_WAIT_MAX)?;
    }
    let finished = finished(cache, major);
    if finished.exists() {
        fs::remove_dir_all(&finished).map_err(removing(&finished))?;
    }
    fs::rename(&root, &finished).map_err(ClusterError::when(format!("name the folder {}", finished.display())))
}

/// Libraries and the server itself, by the package's file name.
fn is_needed(package: &Path) -> bool {
    let name = package.file_name().unwrap_or_default().to_string_lossy();
    let wanted = name.starts_with("postgresql-") || name.starts_with("lib");
    wanted && !name.contains("-dev_") && !PASSED_OVER.iter().any(|start| name.starts_with(start))
}

/// The versions among package names, ascending: of `postgresql-15-cron`, `postgresql-15` the latter.
fn offered_majors(names: &str) -> Vec<u32> {
    let number = |line: &str| line.trim().strip_prefix("postgresql-")?.parse().ok();
    let mut majors: Vec<u32> = names.lines().filter_map(number).collect();
    majors.sort_unstable();
    majors
}

fn pick(offered: &[u32], wanted: Option<u32>) -> Result<u32, ClusterError> {
    let fits = |major: &&u32| **major >= OLDEST_MAJOR && wanted.is_none_or(|w| w == **major);
    offered
        .iter()
        .rev()
        .find(fits)
        .copied()
        .ok_or_else(|| failed(&format!("this system's package sources offer versions {offered:?} only")))
}

fn finished(cache: &Path, major: u32) -> PathBuf {
    cache.join(format!("postgresql-{major}"))
}

fn removing(folder: &Path) -> impl FnOnce(std::io::Error) -> ClusterError {
    ClusterError::when(format!("remove {}", folder.display()))
}

fn failed(problem: &str) -> ClusterError {
    ClusterError::Program { program: "fetching PostgreSQL".into(), problem: problem.into(), output: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_package_names() {
        let names = "postgresql-15\npostgresql-15-cron\npostgresql-common\nW: a warning\npostgresql-13\n";

        assert_eq!(offered_majors(names), [13, 15]);
    }

    #[test]
    fn the_wanted_or_newest_version_is_picked() {
        assert_eq!(pick(&[13, 15, 17], None).ok(), Some(17));
        assert_eq!(pick(&[13, 15, 17], Some(15)).ok(), Some(15));
        assert!(pick(&[13, 15, 17], Some(16)).is_err());
        assert!(pick(&[13], None).is_err());
    }

    #[test]
    fn only_the_server_and_its_libraries_are_unpacked() {
        for (name, needed) in [
            ("postgresql-15_15.20-0+deb12u1_amd64.deb", true),
            ("libicu72_72.1-3_amd64.deb", true),
            ("libllvm14_14.0.6_amd64.deb", false),
            ("libssl-dev_3_amd64.deb", false),
            ("perl-base_5.36_amd64.deb", false),
        ] {
            assert_eq!(is_needed(Path::new(name)), needed, "{name}");
        }
    }
}
