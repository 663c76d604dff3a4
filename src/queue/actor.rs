//! Who acts. Every service call names its actor; every accepted change is recorded under that name.

use super::access::token::TokenId;
use super::permission::{Permission, Role};

crate::row_id!(
    /// A person's row.
    PersonId, i64, diesel::sql_types::BigInt
);

/// The way an actor came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Via {
    /// A browser session.
    Console,
    /// An API token, by its name.
    Token {
        /// The token's row.
        id: TokenId,
        /// The token's name.
        name: String,
        /// `all`, or `<area>:read` and `<area>:write`.
        scopes: Vec<String>,
    },
    /// The command line on the machine that holds the data folder's key.
    CommandLine,
    /// Millrace itself: a schedule, a duty, a running job.
    System,
}

/// What a person is limited to. Empty lists mean no limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// Queues that may be seen and acted on.
    pub queues: Vec<String>,
    /// Tags that may be seen and acted on.
    pub tags: Vec<String>,
}

impl Scope {
    /// Tells whether nothing is limited.
    pub fn is_everything(&self) -> bool {
        self.queues.is_empty() && self.tags.is_empty()
    }

    /// Tells whether something in `queue` with `tags` is inside.
    pub fn covers(&self, queue: &str, tags: &[String]) -> bool {
        self.is_everything()
            || self.queues.iter().any(|allowed| allowed == queue)
            || self.tags.iter().any(|allowed| tags.contains(allowed))
    }
}

/// Somebody or something that acts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The person, if one.
    pub person: Option<PersonId>,
    /// Shown in the audit trail: `giulia@example.org`, `cli:root`, `schedule:nightly`.
    pub name: String,
    /// The present role.
    pub role: Role,
    /// The present limits.
    pub scope: Scope,
    /// The way in.
    pub via: Via,
    /// The address it came from, if any.
    pub address: Option<String>,
    /// Joins log lines, audit records and error pages of one request.
    pub request: Option<String>,
}

/// The actor lacks a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// The role does not hold it.
    #[error("this needs the role {}", .0.least_role().as_str())]
    Role(Permission),
    /// The role holds it, but the token was not made for it.
    #[error("the token lacks {}", .0.scope_text())]
    Token(Permission),
}

impl Actor {
    /// Makes Millrace itself the actor, under `name`.
    pub fn system(name: &str) -> Self {
        Self::internal(name.to_owned(), Via::System)
    }

    /// Makes the holder of the data folder's key the actor, as `cli:<unix user>`.
    pub fn command_line(unix_user: &str) -> Self {
        Self::internal(format!("cli:{unix_user}"), Via::CommandLine)
    }

    /// Takes out who it is and leaves the rights, for what several people with the same rights share.
    pub fn unnamed(self) -> Self {
        Self { person: None, name: String::new(), address: None, request: None, ..self }
    }

    fn internal(name: String, via: Via) -> Self {
        Self { person: None, name, role: Role::Admin, scope: Scope::default(), via, address: None, request: None }
    }

    /// Gives the text that jobs and versions keep of their author: `giulia@example.org`, `… (token ci)`, `cli:root`.
    pub fn signature(&self) -> String {
        match &self.via {
            Via::Token { name, .. } => format!("{} (token {name})", self.name),
            Via::Console | Via::CommandLine | Via::System => self.name.clone(),
        }
    }

    /// Tells whether the actor has `permission`: by role, and for a token also by the token's scopes.
    pub fn may(&self, permission: Permission) -> bool {
        self.require(permission).is_ok()
    }

    /// Refuses unless the actor has `permission`.
    ///
    /// # Errors
    /// [`Forbidden`] naming what is missing.
    pub fn require(&self, permission: Permission) -> Result<(), Forbidden> {
        if !permission.held_by(self.role) {
            return Err(Forbidden::Role(permission)); // no token of theirs could do it
        }
        if self.token_allows(permission) { Ok(()) } else { Err(Forbidden::Token(permission)) }
    }

    fn token_allows(&self, permission: Permission) -> bool {
        let Via::Token { scopes, .. } = &self.via else { return true };
        // who may list jobs can count them
        if permission == Permission::ReadCounts && self.token_allows(Permission::ReadJobs) {
            return true;
        }
        let (area, writes) = permission.token_scope();
        scopes.iter().any(|scope| match scope.split_once(':') {
            None => scope == "all",
            Some((of, "write")) => of == area,
            Some((of, "read")) => of == area && !writes,
            Some(_) => false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(scopes: &[&str]) -> Actor {
        let scopes = scopes.iter().map(ToString::to_string).collect();
        Actor { via: Via::Token { id: TokenId(1), name: "ci".into(), scopes }, ..Actor::system("owner") }
    }

    #[test]
    fn a_token_has_the_rights_of_its_owner_and_its_scopes() {
        assert!(token(&["all"]).may(Permission::Enqueue));
        assert!(token(&["jobs:write"]).may(Permission::Enqueue));
        assert!(token(&["jobs:write"]).may(Permission::ReadJobs));
        assert!(!token(&["jobs:read"]).may(Permission::Enqueue));
        assert!(!token(&["templates:write"]).may(Permission::ReadJobs));
        assert!(
            token(&["jobs:read"]).may(Permission::ReadCounts) && !token(&["counts:read"]).may(Permission::ReadJobs)
        );
        assert!(
            token(&["queues:write"]).may(Permission::ReadQueues) && !token(&["jobs:write"]).may(Permission::RunQueues)
        );
        assert!(!Actor { role: Role::Viewer, ..token(&["all"]) }.may(Permission::Enqueue));
    }

    #[test]
    fn a_refusal_names_what_is_missing_the_role_before_the_scope() {
        let refused = |actor: Actor| actor.require(Permission::ReadQueues).or(actor.require(Permission::RunQueues));

        assert_eq!(refused(token(&["jobs:write"])), Err(Forbidden::Token(Permission::RunQueues)));
        assert_eq!(
            refused(Actor { role: Role::Viewer, ..token(&["jobs:write"]) }),
            Err(Forbidden::Role(Permission::RunQueues))
        );
        assert_eq!(Forbidden::Token(Permission::ReadQueues).to_string(), "the token lacks queues:read");
    }

    #[test]
    fn a_scope_covers_its_queues_or_tags() {
        let scope = Scope { queues: vec!["mail".into()], tags: vec!["vip".into()] };

        assert!(scope.covers("mail", &[]));
        assert!(scope.covers("other", &["vip".into()]));
        assert!(!scope.covers("other", &[]));
        assert!(Scope::default().covers("anything", &[]));
    }
}
