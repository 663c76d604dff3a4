//! `millrace demo`: a living example, plainly marked as one, in a data folder that no real installation uses.
//!
//! ```text
//! folder (ours, or new) ─▶ database: empty? seed : a demo? go on : refuse ─▶ partners, feeder ─▶ as `serve`
//! ```

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Args;

use super::globals::Effective;
use super::{Answer, Database, Failure, Globals, serve};
use crate::base::clock::{Clock, SystemClock};
use crate::base::db::Link;
use crate::base::signals;
use crate::boot::partner::Partners;
use crate::cluster::{Cluster, ClusterSettings};
use crate::config::{Config, setting};
use crate::demo::marker::{self, Standing};
use crate::demo::{self, Feeder, NODE, STAFF, Seed};
use crate::queue::access::password::Password;
use crate::queue::access::secret::random_text;
use crate::runners::command::user::are_root;

/// The file that marks a demo's folder and keeps how to sign in; only its owner may read it.
const SIGN_IN: &str = "demo-sign-in.txt";
/// What stands before the password in that file.
const PASSWORD_MARK: &str = "Password of everybody: ";
/// Letters of the password: 100 random bits.
const PASSWORD_CHARS: usize = 20;
/// Worker threads: the demo's work mostly sleeps.
const SLOTS: &str = "8";
/// How often the demo looks for work that has come in.
const FEED_EVERY: Duration = Duration::from_secs(1);
/// Longest statement of the feeder.
const STATEMENT_MAX: Duration = Duration::from_secs(10);

/// Flags of `demo`; those of `serve` mean what they mean there.
#[derive(Args, Debug)]
#[group(skip)] // both kinds of flags would be a group of one name
pub(super) struct Flags {
    /// Begins again: removes the demo's folder with everything in it, if it is marked as a demo's
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    serve: serve::Flags,
}

pub(super) fn run(globals: &Globals, flags: &Flags) -> Result<Answer, Failure> {
    let effective = settings(globals, flags)?;
    let config = &effective.config;
    if flags.fresh {
        remove(config)?;
    }
    claim(config)?;
    let mut going = None;
    let answer = serve::launch(effective, |config, database| {
        let (started, lines) = prepare(config, database)?;
        going = Some(started);
        Ok(lines)
    });
    if let Some(going) = going {
        going.stop();
    }
    answer
}

/// The usual settings, but a folder beside the usual one, a node of the demo's own, and "demo" beside the brand, a few slots.
fn settings(globals: &Globals, flags: &Flags) -> Result<Effective, Failure> {
    let mut given = vec![
        (&setting::NODE, NODE.to_owned()),
        (&setting::ENVIRONMENT, "demo".to_owned()),
        (&setting::SLOTS, SLOTS.to_owned()),
    ];
    given.extend(flags.serve.given());
    let usual = globals.effective(given.clone())?;
    if globals.names_data_dir() {
        return Ok(usual);
    }
    given.push((&setting::DATA_DIR, beside(&usual.config.data_dir).display().to_string()));
    globals.effective(given)
}

/// `/var/lib/millrace` becomes `/var/lib/millrace-demo`.
fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.file_name().unwrap_or_default().to_owned();
    name.push("-demo");
    folder.with_file_name(name)
}

/// Marks a new folder as a demo's before anything stands in it, so that an interrupted first start can be repeated; refuses a
/// folder in which something else stands.
fn claim(config: &Config) -> Result<(), Failure> {
    let folder = &config.data_dir;
    let is_used = match fs::read_dir(folder) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(error) => return Err(cannot("read", folder, &error)),
    };
    if is_used && !folder.join(SIGN_IN).exists() && config.database_url.is_none() {
        return Err(Failure::refused(format!(
            "{} holds something that is no demo, and a demo leaves that alone: name another folder with --data-dir",
            folder.display()
        )));
    }
    if is_used { Ok(()) } else { keep(config, None) }
}

/// Removes the folder of a demo that is not running.
fn remove(config: &Config) -> Result<(), Failure> {
    let folder = &config.data_dir;
    if config.database_url.is_some() {
        return Err(Failure::refused("--fresh removes the demo's own folder, but DATABASE_URL names another database"));
    }
    if !folder.exists() {
        return Ok(());
    }
    if !folder.join(SIGN_IN).exists() {
        return Err(Failure::refused(format!("{} is not marked as a demo's, so it stays", folder.display())));
    }
    if Cluster::attach(&ClusterSettings::under(folder)?).is_some() {
        return Err(Failure::refused(format!("a demo runs on {}: end it first", folder.display())));
    }
    fs::remove_dir_all(folder).map_err(|error| cannot("remove", folder, &error))
}

fn cannot(verb: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::refused(format!("cannot {verb} {}: {error}", path.display()))
}

/// What runs beside the server.
struct Going {
    partners: Option<Partners>,
    feeder: JoinHandle<()>,
}

impl Going {
    fn stop(self) {
        if self.feeder.join().is_err() {
            tracing::error!("the demo's feeder had panicked");
        }
        if let Some(partners) = self.partners {
            partners.stop();
        }
    }
}

/// Makes or finds the demo and starts what runs beside it; gives the lines that say how to sign in.
fn prepare(config: &Config, database: &Database) -> Result<(Going, Vec<String>), Failure> {
    let standing = marker::look(&mut database.owner()?)?;
    if let Standing::Theirs(what) = &standing {
        return Err(Failure::refused(format!(
            "this database holds {what}. A demo never touches what is no demo: unset DATABASE_URL, or name an empty database"
        )));
    }
    database.migrate()?;
    let listener = match standing {
        Standing::Demo(port) => TcpListener::bind((Ipv4Addr::LOCALHOST, port)),
        Standing::Empty | Standing::Theirs(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)),
    };
    let password = match standing {
        Standing::Demo(_) => known_password(config, database)?,
        Standing::Empty | Standing::Theirs(_) => {
            let port = listener.as_ref().map_err(|error| Failure::refused(format!("no port is free: {error}")))?;
            make(config, database, port.local_addr()?.port())?
        }
    };
    let partners = match listener {
        Ok(listener) => Some(Partners::start(listener)?),
        Err(error) => {
            tracing::warn!(%error, "the port of the demo's partners is in use: its HTTP jobs will fail");
            None
        }
    };
    Ok((Going { partners, feeder: feed(database.runtime_url()?)? }, greeting(config, &password)))
}

/// Seeds the demo and gives the password.
fn make(config: &Config, database: &Database, partner_port: u16) -> Result<String, Failure> {
    let (password, hash) = new_password()?;
    keep(config, Some(&password))?; // first, because it is also what marks the folder
    println!("Making thirty days of history …");
    let seed = Seed { now: SystemClock.now(), share: 1.0, password_hash: &hash, partner_port };
    let jobs = demo::seed(&mut database.owner()?, &seed).map_err(|error| Failure::refused(error.to_string()))?;
    tracing::info!(jobs, "the demo was made");
    Ok(password)
}

/// Reads the password; when its file is lost, everybody gets a new one.
fn known_password(config: &Config, database: &Database) -> Result<String, Failure> {
    let kept = fs::read_to_string(config.data_dir.join(SIGN_IN)).unwrap_or_default();
    if let Some(password) = kept.lines().find_map(|line| line.strip_prefix(PASSWORD_MARK)) {
        return Ok(password.to_owned());
    }
    let (password, hash) = new_password()?;
    demo::set_password(&mut database.owner()?, &hash)?;
    keep(config, Some(&password))?;
    Ok(password)
}

fn new_password() -> Result<(String, String), Failure> {
    let text = random_text();
    let letters: Vec<&str> = (0..PASSWORD_CHARS).step_by(5).filter_map(|at| text.get(at..at + 5)).collect();
    let password = letters.join("-");
    let hash = Password::choose(&password, &[])
        .map_err(|error| Failure::refused(error.to_string()))?
        .hash()
        .map_err(|error| Failure::refused(error.to_string()))?;
    Ok((password, hash))
}

/// Keeps the password in the demo's folder, for its owner's eyes.
fn keep(config: &Config, password: Option<&str>) -> Result<(), Failure> {
    let folder = &config.data_dir;
    let path = folder.join(SIGN_IN);
    let written = || -> std::io::Result<()> {
        if !folder.is_dir() {
            let mode = if are_root() { 0o711 } else { 0o700 }; // as root the database's account must pass through
            fs::create_dir_all(folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(mode))?;
        }
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        writeln!(file, "This folder belongs to `millrace demo`; `millrace demo --fresh` begins again.")?;
        password.map_or(Ok(()), |password| writeln!(file, "\n{PASSWORD_MARK}{password}"))?;
        people().try_for_each(|line| writeln!(file, "{line}"))
    };
    written().map_err(|error| cannot("write", &path, &error))
}

fn people() -> impl Iterator<Item = String> {
    let present = STAFF.iter().filter(|person| !person.gone);
    present.map(|person| format!("  {:<8}  {:<36}  {}", person.role.as_str(), person.email(), person.about))
}

fn greeting(config: &Config, password: &str) -> Vec<String> {
    let head = format!("This is a demo; its data stands in {} and is made up.", config.data_dir.display());
    let sign_in = format!("{PASSWORD_MARK}{password}");
    [head, "Sign in as:".to_owned()].into_iter().chain(people()).chain([sign_in]).collect()
}

/// Feeds the demo from a thread of its own until the program is asked to end.
fn feed(database_url: String) -> Result<JoinHandle<()>, Failure> {
    let work = move || {
        let mut link = Link::new(&database_url, "demo feeder", STATEMENT_MAX);
        let now = SystemClock.now();
        let mut feeder = Feeder::starting(now, now.timestamp().unsigned_abs());
        while signals::asked_to_end() == 0 {
            if let Err(error) = link.with(|conn| feeder.feed(conn, &SystemClock)) {
                tracing::debug!(%error, "nothing was fed");
            }
            thread::sleep(FEED_EVERY);
        }
    };
    Ok(thread::Builder::new().name("mr-demo-feeder".into()).spawn(work)?)
}
