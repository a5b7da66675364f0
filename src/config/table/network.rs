//! Broker settings of listeners, sockets, requests and threads.
use crate::config::setting::Valid::{Any, AtLeast, Elements, OneOf};
use crate::config::setting::settings;

settings! {
    List "advertised.listeners" = None, Elements { of: &[], empty_allowed: false }, High, Fixed, NoEffect,
        "";
    Int "background.threads" = Some("10"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Int "connection.failed.authentication.delay.ms" = Some("100"), AtLeast(0), Low, Fixed, NoEffect,
        "";
    Long "connections.max.idle.ms" = Some("600000"), Any, Medium, Fixed, NoEffect,
        "";
    String "inter.broker.listener.name" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "listener.security.protocol.map" = Some("SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"),
        Any, Low, PerBroker, NoEffect,
        "";
    List "listeners" = Some("PLAINTEXT://localhost:9092"),
        Elements { of: &[], empty_allowed: false }, High, PerBroker, NoEffect,
        "";
    Int "max.connection.creation.rate" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "max.connections" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    Int "max.connections.per.ip" = Some("2147483647"), AtLeast(0), Medium, ClusterWide, NoEffect,
        "";
    String "max.connections.per.ip.overrides" = Some(""), Any, Medium, ClusterWide, NoEffect,
        "";
    Int "num.io.threads" = Some("8"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Int "num.network.threads" = Some("3"), AtLeast(1), High, ClusterWide, NoEffect,
        "";
    Long "queued.max.request.bytes" = Some("-1"), Any, Medium, Fixed, NoEffect,
        "";
    Int "queued.max.requests" = Some("500"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "request.timeout.ms" = Some("30000"), Any, High, Fixed, NoEffect,
        "";
    String "security.inter.broker.protocol" = Some("PLAINTEXT"),
        OneOf(&["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]), Medium, Fixed, NoEffect,
        "";
    Long "socket.connection.setup.timeout.max.ms" = Some("30000"), Any, Medium, Fixed, NoEffect,
        "";
    Long "socket.connection.setup.timeout.ms" = Some("10000"), Any, Medium, Fixed, NoEffect,
        "";
    Int "socket.listen.backlog.size" = Some("50"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Int "socket.receive.buffer.bytes" = Some("102400"), Any, High, Fixed, NoEffect,
        "";
    Int "socket.request.max.bytes" = Some("104857600"), AtLeast(1), High, Fixed, NoEffect,
        "";
    Int "socket.send.buffer.bytes" = Some("102400"), Any, High, Fixed, NoEffect,
        "";
}
