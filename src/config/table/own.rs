//! Settings that Apache Kafka does not have, or that its storage tool takes as an argument.
use crate::config::setting::Valid::{Any, AtLeast, OneOf};
use crate::config::setting::{Dynamic, Effect, Importance, Setting, ValueKind, settings};

settings! {
    String "cluster.id" = None, Any, Medium, Fixed, Honoured,
        "The cluster's id, 22 characters of URL-safe base64. An empty directory is formatted with it; without it one is made.";
    String "config.unknown" = Some("error"), OneOf(&["error", "warn"]), Low, Fixed, Honoured,
        "What an unknown broker key does: stop the start with the nearest known names, or only warn.";
    Long "ottla.connection.inflight.max.bytes" = Some("-1"), AtLeast(-1), Medium, Fixed, Honoured,
        "Bytes of requests one connection may have unanswered; -1 is twice socket.request.max.bytes.";
    String "ottla.cpu.wakeup.max.us" = Some("auto"), Any, Low, Fixed, Honoured,
        "Microseconds in which idle processors wake under load (0: they poll); off: as the system has it; auto: 0 in a guest.";
    List "ottla.format.features" = Some(""), Any, Low, Fixed, Honoured,
        "Levels that an empty cluster begins with, as NAME=LEVEL,...; features that are not named begin with the newest.";
    String "ottla.http.listen" = Some("localhost:9644"), Any, Medium, Fixed, Honoured,
        "Where metrics and health are served over HTTP: host:port, or off.";
    Long "ottla.log.scrub.bytes.per.second" = Some("2097152"), AtLeast(0), Low, Fixed, Honoured,
        "How fast all stored records are looked at for damage, in the background; 0 looks at those only that are read.";
    String "ottla.sync" = Some("wal"), OneOf(&["wal", "page-cache"]), High, Fixed, Honoured,
        "When a record counts as written: once the write-ahead log is synced, or once the page cache has it, as in Kafka.";
    Long "ottla.transactions.shown.after.ms" = Some("60000"), AtLeast(100), Low, Fixed, Honoured,
        "A partition is named in the metrics once a transaction has held back its last stable offset for so long.";
}

/// Topic settings of our own.
pub(in crate::config) static TOPIC_ROWS: &[Setting] = &[Setting {
    name: "ottla.sync",
    kind: ValueKind::String,
    default: Some("wal"),
    valid: OneOf(&["wal", "page-cache"]),
    importance: Importance::High,
    dynamic: Dynamic::Fixed,
    effect: Effect::Honoured,
    doc: "When a record counts as written: once the write-ahead log is synced, or once the page cache has it, as in Kafka.",
}];
