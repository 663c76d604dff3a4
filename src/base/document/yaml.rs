//! YAML: cutting a text into documents, and the limits of reading one.

use serde_saphyr::options::{DuplicateKeyPolicy, MergeKeyPolicy};

use super::{ALIASES_MAX, DOCUMENT_DEPTH_MAX, DOCUMENT_NODES_MAX, Document};

/// Gives the limits and rules of reading.
pub(super) fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: DOCUMENT_DEPTH_MAX,
            flow_nesting_limit: DOCUMENT_DEPTH_MAX,
            max_nodes: DOCUMENT_NODES_MAX,
            max_events: 3 * DOCUMENT_NODES_MAX,
            max_anchors: ALIASES_MAX,
            max_aliases: ALIASES_MAX,
            max_documents: 1,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: DOCUMENT_NODES_MAX,
            max_replay_stack_depth: 16,
        },
        duplicate_keys: DuplicateKeyPolicy::Error,
        merge_keys: MergeKeyPolicy::Error,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// Cuts YAML at its document markers, which by the specification stand at the beginning of a line and nowhere else.
pub(super) fn documents(text: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut rest = Document { text, lines_before: 0, columns_before: 0 };
    let (mut length, mut lines, mut begun) = (0, 0, false);
    for line in text.split_inclusive('\n') {
        let (begins, ends) = (is_marker(line, "---"), is_marker(line, "..."));
        if begins && (begun || has_content(&rest.text[..length])) {
            documents.push(rest.split_off(length, lines));
            (length, lines) = (0, 0);
        }
        (length, lines) = (length + line.len(), lines + 1);
        begun = begun || begins;
        if ends {
            documents.push(rest.split_off(length, lines));
            (length, lines, begun) = (0, 0, false);
        }
    }
    documents.push(rest);
    documents.retain(|document| has_content(document.text));
    documents
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

/// Tells whether anything but markers, directives and comments stands in `text`.
fn has_content(text: &str) -> bool {
    text.lines().any(|line| {
        let line = if is_marker(line, "---") || is_marker(line, "...") { &line[3..] } else { line };
        let line = line.trim();
        !line.is_empty() && !line.starts_with(['#', '%'])
    })
}
