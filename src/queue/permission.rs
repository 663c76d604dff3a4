//! Who may do what. Defining a job is code execution, so define, publish, run and repair are different permissions.

/// A person's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May do everything; dangerous acts ask for a fresh sign-in.
    Admin,
    /// Runs and repairs work, edits schedules, drafts templates; within scope.
    Operator,
    /// Reads everything that numbers need, saves and exports reports.
    Analyst,
    /// Reads all records and the whole audit trail; sees no payloads.
    Auditor,
    /// Sees queues, lists and charts; within scope.
    Viewer,
}

impl Role {
    /// Every role, most powerful first.
    pub const ALL: [Self; 5] = [Self::Admin, Self::Operator, Self::Analyst, Self::Auditor, Self::Viewer];

    /// Gives the role's name in rows, forms and the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "operator",
            Self::Analyst => "analyst",
            Self::Auditor => "auditor",
            Self::Viewer => "viewer",
        }
    }

    /// Reads a role's name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Something that can be allowed or refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Permission {
    /// See job lists, jobs and charts.
    ReadJobs,
    /// See how many jobs there are in which state.
    ReadCounts,
    /// See queues.
    ReadQueues,
    /// See nodes.
    ReadNodes,
    /// See pools and who reserves of them.
    ReadPools,
    /// See failure groups.
    ReadFailures,
    /// Mute, handle, assign failure groups, write about them.
    HandleFailures,
    /// See argument values, logs and output (marked values stay masked).
    ReadPayloads,
    /// Enqueue an active template.
    Enqueue,
    /// Retry, cancel, hold, release, reschedule, change priority.
    RepairJobs,
    /// See bulk operations and what became of their jobs.
    ReadOperations,
    /// Do one act to many jobs, up to 1,000.
    RunOperations,
    /// The same to more.
    RunLargeOperations,
    /// Write jobs down as a file; a token must also hold `jobs:read`.
    ExportJobs,
    /// Pause, resume and limit queues.
    RunQueues,
    /// Drain nodes.
    RunNodes,
    /// Set how many slots a node may have.
    BoundNodes,
    /// Make, change and remove pools.
    RunPools,
    /// See schedules, what they did and what they will do.
    ReadSchedules,
    /// Make, change, pause, run and backfill schedules over active templates.
    EditSchedules,
    /// See calendars and who minds them.
    ReadCalendars,
    /// Make, change and remove calendars.
    EditCalendars,
    /// See templates and their versions: what may be enqueued, and what it does.
    ReadTemplates,
    /// Write draft templates and new versions.
    DraftTemplates,
    /// Publish, roll back, archive templates. Command, HTTP and SQL runners ask for a fresh sign-in.
    PublishTemplates,
    /// See, add, change and disable people, and the tokens of others.
    ManagePeople,
    /// Make and revoke one's own tokens, change one's own account.
    OwnAccount,
    /// See the saved views that are one's own or shown to one.
    ReadViews,
    /// Save, change, pin and delete one's own views.
    KeepViews,
    /// Show one's saved views and reports to others.
    ShareViews,
    /// Read the whole audit trail.
    ReadAudit,
    /// See database health, settings and metrics.
    ReadHealth,
}

impl Permission {
    /// Every permission.
    pub const ALL: [Self; 32] = [
        Self::ReadJobs,
        Self::ReadCounts,
        Self::ReadQueues,
        Self::ReadNodes,
        Self::ReadPools,
        Self::ReadFailures,
        Self::HandleFailures,
        Self::ReadPayloads,
        Self::Enqueue,
        Self::RepairJobs,
        Self::ReadOperations,
        Self::RunOperations,
        Self::RunLargeOperations,
        Self::ExportJobs,
        Self::RunQueues,
        Self::RunNodes,
        Self::BoundNodes,
        Self::RunPools,
        Self::ReadSchedules,
        Self::EditSchedules,
        Self::ReadCalendars,
        Self::EditCalendars,
        Self::ReadTemplates,
        Self::DraftTemplates,
        Self::PublishTemplates,
        Self::ManagePeople,
        Self::OwnAccount,
        Self::ReadViews,
        Self::KeepViews,
        Self::ShareViews,
        Self::ReadAudit,
        Self::ReadHealth,
    ];

    /// Tells whether `role` has this permission (the table of GUARANTEES.md).
    pub fn held_by(self, role: Role) -> bool {
        use Role::{Admin, Analyst, Auditor, Operator};
        match self {
            Self::ReadJobs
            | Self::ReadCounts
            | Self::ReadQueues
            | Self::ReadOperations
            | Self::ReadNodes
            | Self::ReadPools
            | Self::ReadFailures
            | Self::ReadSchedules
            | Self::ReadCalendars
            | Self::ReadTemplates
            | Self::ReadViews
            | Self::KeepViews
            | Self::OwnAccount => true,
            Self::ReadPayloads => matches!(role, Admin | Operator | Analyst),
            Self::ExportJobs => role != Role::Viewer,
            Self::Enqueue
            | Self::RepairJobs
            | Self::RunOperations
            | Self::RunQueues
            | Self::RunNodes
            | Self::RunPools
            | Self::EditSchedules
            | Self::EditCalendars
            | Self::HandleFailures
            | Self::DraftTemplates => matches!(role, Admin | Operator),
            Self::PublishTemplates | Self::ManagePeople | Self::RunLargeOperations | Self::BoundNodes => role == Admin,
            Self::ShareViews => matches!(role, Admin | Operator | Analyst | Auditor),
            Self::ReadAudit => matches!(role, Admin | Auditor),
            Self::ReadHealth => matches!(role, Admin | Operator | Auditor),
        }
    }

    /// Names the least powerful role that has this permission, for "needs operator".
    pub fn least_role(self) -> Role {
        Role::ALL.into_iter().rev().find(|role| self.held_by(*role)).unwrap_or(Role::Admin)
    }

    /// Names the area of the API's first path word that a token must hold, and whether it writes.
    pub fn token_scope(self) -> (&'static str, bool) {
        match self {
            Self::ReadJobs | Self::ReadPayloads => ("jobs", false),
            Self::Enqueue | Self::RepairJobs => ("jobs", true),
            Self::ReadOperations => ("operations", false),
            Self::ExportJobs | Self::RunOperations | Self::RunLargeOperations => ("operations", true),
            Self::ReadCounts => ("counts", false),
            Self::ReadQueues => ("queues", false),
            Self::ReadNodes => ("nodes", false),
            Self::RunQueues => ("queues", true),
            Self::RunNodes | Self::BoundNodes => ("nodes", true),
            Self::ReadPools => ("pools", false),
            Self::ReadFailures => ("failures", false),
            Self::HandleFailures => ("failures", true),
            Self::RunPools => ("pools", true),
            Self::ReadSchedules => ("schedules", false),
            Self::EditSchedules => ("schedules", true),
            Self::ReadCalendars => ("calendars", false),
            Self::EditCalendars => ("calendars", true),
            Self::ReadTemplates => ("templates", false),
            Self::DraftTemplates | Self::PublishTemplates => ("templates", true),
            Self::ManagePeople => ("people", true),
            Self::OwnAccount => ("account", true),
            Self::ReadViews => ("views", false),
            Self::KeepViews | Self::ShareViews => ("views", true),
            Self::ReadAudit => ("audit", false),
            Self::ReadHealth => ("health", false),
        }
    }

    /// Writes the scope that a token must hold as tokens spell it: `queues:read`.
    pub fn scope_text(self) -> String {
        let (area, writes) = self.token_scope();
        format!("{area}:{}", if writes { "write" } else { "read" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_admins_hold_everything() {
        for permission in Permission::ALL {
            assert!(permission.held_by(Role::Admin), "{permission:?}");
        }
        assert!(!Permission::ALL.into_iter().all(|permission| permission.held_by(Role::Operator)));
    }

    #[test]
    fn a_viewer_may_change_nothing_but_the_own_account() {
        let writes = [Permission::Enqueue, Permission::RepairJobs, Permission::RunQueues, Permission::RunPools];

        assert!(writes.into_iter().all(|permission| !permission.held_by(Role::Viewer)));
    }

    #[test]
    fn role_names_round_trip() {
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("Admin"), None);
    }
}
