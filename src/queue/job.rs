//! A job's identity.

crate::row_id!(
    /// A job. Ids rise with time but have gaps.
    JobId, i64, diesel::sql_types::BigInt
);
crate::row_id!(
    /// The fence of an attempt: the id of the lease under which it was claimed. Rises with every claim of a job.
    Fence, i64, diesel::sql_types::BigInt
);
crate::row_id!(
    /// A queue's row.
    QueueId, i32, diesel::sql_types::Integer
);
crate::row_id!(
    /// A template's row.
    TemplateId, i32, diesel::sql_types::Integer
);
crate::row_id!(
    /// A node's row.
    NodeId, i32, diesel::sql_types::Integer
);
