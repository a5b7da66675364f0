//! Broker settings of listeners, sockets, requests and threads.
use crate::config::setting::Valid::{Any, AtLeast, Elements, OneOf};
use crate::config::setting::settings;

settings! {
    List "advertised.listeners" = None, Elements { of: &[], empty_allowed: false }, High, Fixed, Honoured,
        "What clients are told to connect to, where it differs from listeners.";
    Int "background.threads" = Some("10"), AtLeast(1), High, ClusterWide, NoEffect,
        "Threads for chores; here the machine's cores decide.";
    Int "connection.failed.authentication.delay.ms" = Some("100"), AtLeast(0), Low, Fixed, NoEffect,
        "How long a failed login waits for its answer.";
    Long "connections.max.idle.ms" = Some("600000"), Any, Medium, Fixed, Honoured,
        "A connection without requests for this long is closed; -1 is never.";
    String "inter.broker.listener.name" = None, Any, Medium, Fixed, Honoured,
        "The listener that brokers use among themselves.";
    String "listener.security.protocol.map" = Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Any, Low, PerBroker, Honoured,
        "The protocol behind each listener name, as NAME:PROTOCOL.";
    List "listeners" = Some("PLAINTEXT://localhost:9092"),
        Elements { of: &[], empty_allowed: false }, High, PerBroker, Honoured,
        "Where the broker listens, as NAME://host:port. Kafka's default is every interface.";
    Int "max.connection.creation.rate" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, Honoured,
        "New connections per second that the broker accepts.";
    Int "max.connections" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Connections that the broker keeps open at once.";
    Int "max.connections.per.ip" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, Honoured,
        "Connections that one address may have open at once.";
    String "max.connections.per.ip.overrides" = Some(""), Any, Medium, ClusterWide, Honoured,
        "Other limits for single addresses, as host:limit.";
    Int "num.io.threads" = Some("8"), AtLeast(1), High, ClusterWide, NoEffect,
        "Threads that handle requests; here the machine's cores decide.";
    Int "num.network.threads" = Some("3"), AtLeast(1), High, ClusterWide, NoEffect,
        "Threads that read and write sockets; here the machine's cores decide.";
    Long "queued.max.request.bytes" = Some("-1"), Any, Medium, Fixed, Mapped,
        "Bytes of requests in memory before connections are no longer read; -1 leaves it to the broker's own bound.";
    Int "queued.max.requests" = Some("500"), AtLeast(1), High, Fixed, NoEffect,
        "Requests in memory before connections are no longer read.";
    Int "request.timeout.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "How long a broker waits for the answer of another one.";
    String "security.inter.broker.protocol" = Some("PLAINTEXT"),
        OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Medium, Fixed, Honoured,
        "The protocol brokers use among themselves, where no listener name says it.";
    Long "socket.connection.setup.timeout.max.ms" = Some("30000"), Any, Medium, Fixed, NoEffect,
        "Longest wait for a connection to another broker, after several failures.";
    Long "socket.connection.setup.timeout.ms" = Some("10000"), Any, Medium, Fixed, NoEffect,
        "Wait for a connection to another broker.";
    Int "socket.listen.backlog.size" = Some("50"), AtLeast(1), Medium, Fixed, Honoured,
        "Connections that may wait to be accepted.";
    Int "socket.receive.buffer.bytes" = Some("102400"), Any, High, Fixed, Honoured,
        "Receive buffer of a connection (SO_RCVBUF); -1 leaves it to the system.";
    Int "socket.request.max.bytes" = Some("104857600"), AtLeast(1), High, Fixed, Honoured,
        "The largest request; a larger one closes its connection.";
    Int "socket.send.buffer.bytes" = Some("102400"), Any, High, Fixed, Honoured,
        "Send buffer of a connection (SO_SNDBUF); -1 leaves it to the system.";
}
