//! A Millrace in a process of its own, which a test may kill: this test program once more.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use millrace::cluster::{Cluster, ClusterSettings};

/// Tells the second program which data folder to serve.
const DATA_DIR: &str = "MILLRACE_IT_DATA_DIR";
const CACHE: &str = "MILLRACE_IT_CACHE";
const READY: &str = "owner: ready";
const REFUSED: &str = "owner: refused: ";

/// A second program that runs a cluster until its standard input ends or it is killed.
pub struct Owner {
    child: Child,
}

impl Owner {
    /// Starts a program that serves the data folder `data_dir`, without waiting for it.
    pub fn spawn(data_dir: &Path) -> Owner {
        Owner::from_command(command(&std::env::current_exe().unwrap(), data_dir))
    }

    /// As [`Owner::spawn`], with an environment variable.
    pub fn spawn_with(data_dir: &Path, name: &str, value: &Path) -> Owner {
        let mut command = command(&std::env::current_exe().unwrap(), data_dir);
        command.env(name, value);
        Owner::from_command(command)
    }

    /// As [`Owner::spawn`], on a machine that has no PostgreSQL but what goes to `cache`.
    pub fn spawn_fetching(data_dir: &Path, cache: &Path) -> Owner {
        let mut command = command(&std::env::current_exe().unwrap(), data_dir);
        command.env("MILLRACE_PG_BIN", "fetch").env(CACHE, cache);
        Owner::from_command(command)
    }

    /// As [`Owner::spawn`], as another user; only root may.
    pub fn spawn_as(uid: u32, data_dir: &Path) -> Owner {
        let mut command = command(&reachable_copy(data_dir), data_dir);
        command.uid(uid).gid(uid).env("HOME", data_dir);
        Owner::from_command(command)
    }

    fn from_command(mut command: Command) -> Owner {
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn().unwrap();
        Owner { child }
    }

    /// Waits until the cluster takes connections, or gives the reason why it does not.
    pub fn wait_ready(&mut self) -> Result<(), String> {
        let mut lines = BufReader::new(self.child.stdout.as_mut().unwrap()).lines().map(Result::unwrap);
        let told = lines.find(|line| line.contains("owner: ")).expect("the owner said nothing");
        if told.contains(READY) {
            return Ok(());
        }
        let rest: String = lines.take_while(|line| !line.starts_with("test result")).collect();
        Err(format!("{}{rest}", told.split(REFUSED).nth(1).unwrap()))
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the program in order: it stops its cluster.
    pub fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }
}

fn command(program: &Path, data_dir: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .args(["cluster::owner::serve_until_input_ends", "--exact", "--ignored", "--nocapture"])
        .env(DATA_DIR, data_dir)
        .current_dir("/");
    command
}

/// The build folder may be closed to other users.
fn reachable_copy(data_dir: &Path) -> PathBuf {
    let copy = data_dir.with_file_name("owner");
    // Not copied by this process: a child of another test would inherit the open file, and nobody may run a file that
    // is open for writing.
    let copied = Command::new("cp").arg(std::env::current_exe().unwrap()).arg(&copy).status().unwrap();
    assert!(copied.success());
    fs::set_permissions(&copy, Permissions::from_mode(0o755)).unwrap();
    copy
}

/// Not a test: what [`Owner`] runs.
#[test]
#[ignore = "the second program of other tests"]
fn serve_until_input_ends() {
    let Some(data_dir) = std::env::var_os(DATA_DIR) else {
        return;
    };
    let mut settings = ClusterSettings::under(Path::new(&data_dir)).unwrap();
    if let Some(cache) = std::env::var_os(CACHE) {
        settings.cache = cache.into();
    }
    match Cluster::start(&settings) {
        Err(problem) => println!("{REFUSED}{problem}"),
        Ok(cluster) => {
            println!("{READY}");
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            cluster.stop().unwrap();
        }
    }
}
