//! What a command may use of the machine.

use std::io;

use crate::queue::template::ResourceLimits;

/// Most processes of the user that commands run as, unless set otherwise. Counted over all of that user's processes.
const PROCESSES_MAX: u64 = 1_024;

/// Resource limits, ready to be set between fork and exec.
#[derive(Debug)]
pub(super) struct Limits(Vec<(libc::__rlimit_resource_t, u64)>);

/// Whose processes a limit on their number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A user that does nothing but run commands.
    CommandsOnly,
    /// The user that Millrace and perhaps others run as.
    Shared,
}

impl Limits {
    /// Takes these limits, and never a core dump.
    pub(super) fn of(limits: ResourceLimits, owner: Owner) -> Self {
        let mib = |limit: Option<u64>| limit.map(|mib| mib.saturating_mul(1024 * 1024));
        let processes = limits.processes.or((owner == Owner::CommandsOnly).then_some(PROCESSES_MAX));
        let all = [
            (libc::RLIMIT_CORE, Some(0)), // a dump holds secrets
            (libc::RLIMIT_AS, mib(limits.memory_mib)),
            (libc::RLIMIT_CPU, limits.cpu_s),
            (libc::RLIMIT_NOFILE, limits.files),
            (libc::RLIMIT_NPROC, processes),
            (libc::RLIMIT_FSIZE, mib(limits.file_size_mib)),
        ];
        Self(all.into_iter().filter_map(|(resource, limit)| Some((resource, limit?))).collect())
    }

    /// Sets the limits of this process, none above what it is allowed. Safe between fork and exec: allocates nothing.
    pub(super) fn set(&self) -> io::Result<()> {
        for (resource, limit) in &self.0 {
            let mut current = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: `current` is a valid place to write to.
            if unsafe { libc::getrlimit(*resource, &mut current) } != 0 {
                return Err(io::Error::last_os_error());
            }
            let limit = (*limit).min(current.rlim_max);
            // a second between SIGXCPU, which says what happened, and SIGKILL, which does not
            let hard =
                if *resource == libc::RLIMIT_CPU { limit.saturating_add(1).min(current.rlim_max) } else { limit };
            let wanted = libc::rlimit { rlim_cur: limit, rlim_max: hard };
            // SAFETY: `wanted` is a valid rlimit.
            if unsafe { libc::setrlimit(*resource, &wanted) } != 0 {
                return Err(io::Error::last_os_error());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_goes_before_the_node_and_core_dumps_are_off() {
        let own = ResourceLimits { memory_mib: Some(1), ..ResourceLimits::default() };
        let node = ResourceLimits { memory_mib: Some(9), files: Some(64), ..ResourceLimits::default() };

        assert_eq!(
            Limits::of(own.or(node), Owner::Shared).0,
            [(libc::RLIMIT_CORE, 0), (libc::RLIMIT_AS, 1_048_576), (libc::RLIMIT_NOFILE, 64)]
        );
        assert!(Limits::of(own.or(node), Owner::CommandsOnly).0.contains(&(libc::RLIMIT_NPROC, PROCESSES_MAX)));
    }
}
