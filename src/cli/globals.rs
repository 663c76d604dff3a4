//! Flags that every command takes, and the settings that follow.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::cluster;
use crate::config::{self, Config, Setting, setting};

/// Flags that every command takes.
#[derive(Args, Debug, Clone, Default)]
pub struct Globals {
    /// Answers in JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Settings file; else MILLRACE_CONFIG, else millrace.toml in the working folder
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder; else MILLRACE_DATA_DIR
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// The settings, and what is worth saying about how they came about.
pub struct Effective {
    /// The settings.
    pub config: Config,
    /// Said when root's data folder had to move.
    pub moved: Option<String>,
}

impl Globals {
    /// Reads the settings.
    ///
    /// # Errors
    /// What is wrong with them; a wrong flag is a matter of usage.
    pub fn settings(&self) -> Result<Config, Failure> {
        Ok(self.effective(Vec::new())?.config)
    }

    /// Tells whether the command itself names a data folder.
    pub(super) fn names_data_dir(&self) -> bool {
        self.data_dir.is_some()
    }

    /// Reads the settings with the flags of one command.
    ///
    /// # Errors
    /// As [`settings`](Self::settings).
    pub fn effective(&self, mut flags: Vec<(&'static Setting, String)>) -> Result<Effective, Failure> {
        if let Some(data_dir) = &self.data_dir {
            flags.push((&setting::DATA_DIR, data_dir.display().to_string()));
        }
        let (data_dir, moved) = cluster::default_data_dir();
        let inputs = config::inputs_of_this_process(self.config.clone(), flags, data_dir.clone());
        let config = Config::read(&inputs).map_err(|error| match error.is_usage() {
            true => Failure::usage(error.to_string()),
            false => Failure::refused(error.to_string()),
        })?;
        let moved = moved.filter(|_| config.data_dir == data_dir);
        Ok(Effective { config, moved })
    }
}
