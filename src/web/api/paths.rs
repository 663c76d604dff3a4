//! Every address of the API, once: the route table, the OpenAPI document and its page build on these.

/// Enqueue; list.
pub const JOBS: &str = "/api/v1/jobs";
/// Enqueue many.
pub const JOBS_BULK: &str = "/api/v1/jobs/bulk";
/// Writes what a search finds down as a file.
pub const JOBS_EXPORT: &str = "/api/v1/jobs/export";
/// One job.
pub const JOB: &str = "/api/v1/jobs/{id}";
/// Its attempts.
pub const JOB_ATTEMPTS: &str = "/api/v1/jobs/{id}/attempts";
/// Its log.
pub const JOB_LOG: &str = "/api/v1/jobs/{id}/log";
/// Why it does not run.
pub const JOB_EXPLAIN: &str = "/api/v1/jobs/{id}/explain";
/// Ends it.
pub const JOB_CANCEL: &str = "/api/v1/jobs/{id}/cancel";
/// Tries it again now.
pub const JOB_RETRY: &str = "/api/v1/jobs/{id}/retry";
/// Stops it until it is released.
pub const JOB_HOLD: &str = "/api/v1/jobs/{id}/hold";
/// Lets it go on.
pub const JOB_RELEASE: &str = "/api/v1/jobs/{id}/release";
/// Moves it to another time.
pub const JOB_RESCHEDULE: &str = "/api/v1/jobs/{id}/reschedule";
/// Gives it another priority.
pub const JOB_PRIORITY: &str = "/api/v1/jobs/{id}/priority";
/// Bulk operations.
pub const OPERATIONS: &str = "/api/v1/operations";
/// One bulk operation.
pub const OPERATION: &str = "/api/v1/operations/{id}";
/// What became of each of its jobs.
pub const OPERATION_RESULTS: &str = "/api/v1/operations/{id}/results";
/// What an export wrote down.
pub const OPERATION_FILE: &str = "/api/v1/operations/{id}/file";
/// Stops it.
pub const OPERATION_STOP: &str = "/api/v1/operations/{id}/stop";
/// Lets it go on.
pub const OPERATION_RESUME: &str = "/api/v1/operations/{id}/resume";
/// How many jobs there are.
pub const COUNTS: &str = "/api/v1/counts";
/// Schedules.
pub const SCHEDULES: &str = "/api/v1/schedules";
/// One schedule.
pub const SCHEDULE: &str = "/api/v1/schedules/{name}";
/// When it runs next.
pub const SCHEDULE_PREVIEW: &str = "/api/v1/schedules/{name}/preview";
/// What became of its occurrences.
pub const SCHEDULE_OCCURRENCES: &str = "/api/v1/schedules/{name}/occurrences";
/// Its versions.
pub const SCHEDULE_VERSIONS: &str = "/api/v1/schedules/{name}/versions";
/// What differs between two of them.
pub const SCHEDULE_DIFF: &str = "/api/v1/schedules/{name}/diff";
/// Leaves its occurrences out.
pub const SCHEDULE_PAUSE: &str = "/api/v1/schedules/{name}/pause";
/// Lets them run again.
pub const SCHEDULE_RESUME: &str = "/api/v1/schedules/{name}/resume";
/// Makes one job of it now.
pub const SCHEDULE_RUN: &str = "/api/v1/schedules/{name}/run";
/// Makes jobs for a range of time.
pub const SCHEDULE_BACKFILL: &str = "/api/v1/schedules/{name}/backfill";
/// Brings an older version back.
pub const SCHEDULE_ROLL_BACK: &str = "/api/v1/schedules/{name}/roll-back";
/// The backfills of a schedule.
pub const BACKFILLS: &str = "/api/v1/schedules/{name}/backfills";
/// One backfill. Its area is that of schedules.
pub const BACKFILL: &str = "/api/v1/schedules/{name}/backfills/{id}";
/// Stops it.
pub const BACKFILL_STOP: &str = "/api/v1/schedules/{name}/backfills/{id}/stop";
/// Lets it go on.
pub const BACKFILL_RESUME: &str = "/api/v1/schedules/{name}/backfills/{id}/resume";
/// Calendars.
pub const CALENDARS: &str = "/api/v1/calendars";
/// One calendar.
pub const CALENDAR: &str = "/api/v1/calendars/{name}";
/// The same as an iCalendar file.
pub const CALENDAR_ICS: &str = "/api/v1/calendars/{name}/ics";
/// Queues.
pub const QUEUES: &str = "/api/v1/queues";
/// One queue.
pub const QUEUE: &str = "/api/v1/queues/{name}";
/// Stops it.
pub const QUEUE_PAUSE: &str = "/api/v1/queues/{name}/pause";
/// Lets it go on.
pub const QUEUE_RESUME: &str = "/api/v1/queues/{name}/resume";
/// Nodes.
pub const NODES: &str = "/api/v1/nodes";
/// One node.
pub const NODE: &str = "/api/v1/nodes/{name}";
/// What a node decided about the number of its worker threads.
pub const NODE_SCALING: &str = "/api/v1/nodes/{name}/scaling";
/// Other bounds for a node's slots.
pub const NODE_SLOTS: &str = "/api/v1/nodes/{name}/slots";
/// Lets it take no new work.
pub const NODE_DRAIN: &str = "/api/v1/nodes/{name}/drain";
/// Takes work again.
pub const NODE_RESUME: &str = "/api/v1/nodes/{name}/resume";
/// Pools.
pub const POOLS: &str = "/api/v1/pools";
/// One pool.
pub const POOL: &str = "/api/v1/pools/{name}";
/// Failure groups.
pub const FAILURES: &str = "/api/v1/failures";
/// One failure group.
pub const FAILURE: &str = "/api/v1/failures/{fingerprint}";
/// Silences it for a time.
pub const FAILURE_MUTE: &str = "/api/v1/failures/{fingerprint}/mute";
/// Marks it handled.
pub const FAILURE_HANDLE: &str = "/api/v1/failures/{fingerprint}/handle";
/// Takes that back.
pub const FAILURE_REOPEN: &str = "/api/v1/failures/{fingerprint}/reopen";
/// Gives it to somebody.
pub const FAILURE_ASSIGN: &str = "/api/v1/failures/{fingerprint}/assign";
/// Writes about it.
pub const FAILURE_NOTE: &str = "/api/v1/failures/{fingerprint}/note";
/// Links it to a ticket.
pub const FAILURE_TICKET: &str = "/api/v1/failures/{fingerprint}/ticket";
/// Tries its failed jobs once more.
pub const FAILURE_RETRY: &str = "/api/v1/failures/{fingerprint}/retry";
/// Templates.
pub const TEMPLATES: &str = "/api/v1/templates";
/// One template.
pub const TEMPLATE: &str = "/api/v1/templates/{name}";
/// Its versions.
pub const TEMPLATE_VERSIONS: &str = "/api/v1/templates/{name}/versions";
/// What differs between two of them.
pub const TEMPLATE_DIFF: &str = "/api/v1/templates/{name}/diff";
/// Makes a version the active one.
pub const TEMPLATE_PUBLISH: &str = "/api/v1/templates/{name}/publish";
/// Goes back to the content of a version.
pub const TEMPLATE_ROLLBACK: &str = "/api/v1/templates/{name}/rollback";
/// Takes it out of use.
pub const TEMPLATE_ARCHIVE: &str = "/api/v1/templates/{name}/archive";
/// Saved views.
pub const VIEWS: &str = "/api/v1/views";
/// One saved view.
pub const VIEW: &str = "/api/v1/views/{slug}";
/// How the database is.
pub const DATABASE_HEALTH: &str = "/api/v1/health/database";
/// The OpenAPI document.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// The OpenAPI document as a page.
pub const DOCS: &str = "/api/docs";
/// Whether the process is alive.
pub const HEALTHZ: &str = "/healthz";
/// Whether it can do its work, with reasons.
pub const READYZ: &str = "/readyz";
/// Prometheus.
pub const METRICS: &str = "/metrics";
