//! From a template and an attempt to what is started.

use std::path::{Path, PathBuf};

use super::CommandSettings;
use super::environment::{self, Variables};
use super::user::RunAs;
use super::workplace::Workplace;
use crate::queue::render::{RenderContext, render};
use crate::queue::template::{CommandWork, ResourceLimits};
use crate::queue::work::{Failure, JobContext};

/// What is started.
#[derive(Debug)]
pub(super) struct Plan {
    pub program: String,
    pub args: Vec<String>,
    pub environment: Variables,
    pub folder: PathBuf,
    pub stdin: Option<String>,
    pub limits: ResourceLimits,
}

/// What a plan is made from.
pub(super) struct Source<'a> {
    pub job: &'a JobContext,
    pub work: &'a CommandWork,
    pub settings: &'a CommandSettings,
    pub place: &'a Workplace,
    pub run_as: Option<RunAs>,
}

impl Plan {
    /// Renders the texts of a template for an attempt.
    ///
    /// # Errors
    /// A text that cannot be rendered, or an impossible folder: trying again would not help.
    pub(super) fn make(source: &Source<'_>) -> Result<Self, Failure> {
        let (work, context) = (source.work, RenderContext::of(source.job.facts()));
        let text = |what: &str, text: &str| {
            render(text, &context).map_err(|error| Failure::new(format!("{what} cannot be rendered: {error}")))
        };
        let (program, args) = match (&work.shell, work.argv.split_first()) {
            (Some(script), _) => ("/bin/sh".to_owned(), vec!["-c".to_owned(), script.clone()]),
            (None, Some((program, rest))) => {
                let args = rest.iter().enumerate().map(|(index, arg)| text(&format!("argument {}", index + 1), arg));
                (program.clone(), args.collect::<Result<_, _>>()?)
            }
            (None, None) => return Err(Failure::new("the command is empty")),
        };
        let mut environment = environment::given(source)
            .map_err(|error| Failure::new(format!("the arguments cannot be written for the command: {error}")))?;
        for (name, value) in &work.env {
            environment.insert(name.clone(), text(&format!("the variable {name}"), value)?);
        }
        let folder = match &work.folder {
            Some(folder) => absolute(text("the folder", folder)?)?,
            None => source.place.path().to_owned(),
        };
        let stdin = work.stdin.as_deref().map(|stdin| text("the standard input", stdin)).transpose()?;
        Ok(Self { program, args, environment, folder, stdin, limits: work.limits })
    }
}

fn absolute(folder: String) -> Result<PathBuf, Failure> {
    if Path::new(&folder).is_absolute() {
        return Ok(folder.into());
    }
    Err(Failure::new(format!("the folder {folder:?} is no absolute path")))
}
