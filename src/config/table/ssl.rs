//! Broker settings of TLS.
use crate::config::setting::Valid::{Any, Elements, OneOf};
use crate::config::setting::settings;

settings! {
    Boolean "ssl.allow.dn.changes" = Some("false"), Any, Low, Fixed, NoEffect,
        "";
    Boolean "ssl.allow.san.changes" = Some("false"), Any, Low, Fixed, NoEffect,
        "";
    List "ssl.cipher.suites" = Some(""), Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "";
    String "ssl.client.auth" = Some("none"), OneOf(&["required", "requested", "none"]), Medium, PerBroker, NoEffect,
        "";
    List "ssl.enabled.protocols" = Some("TLSv1.2,TLSv1.3"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "";
    String "ssl.endpoint.identification.algorithm" = Some("https"), Any, Low, PerBroker, NoEffect,
        "";
    Class "ssl.engine.factory.class" = None, Any, Low, PerBroker, NoEffect,
        "";
    Password "ssl.key.password" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.keymanager.algorithm" = Some("SunX509"), Any, Medium, PerBroker, NoEffect,
        "";
    Password "ssl.keystore.certificate.chain" = None, Any, Medium, PerBroker, NoEffect,
        "";
    Password "ssl.keystore.key" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.keystore.location" = None, Any, Medium, PerBroker, NoEffect,
        "";
    Password "ssl.keystore.password" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.keystore.type" = Some("JKS"), Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.principal.mapping.rules" = Some("DEFAULT"), Any, Low, Fixed, NoEffect,
        "";
    String "ssl.protocol" = Some("TLSv1.3"), Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.provider" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.secure.random.implementation" = None, Any, Low, PerBroker, NoEffect,
        "";
    String "ssl.trustmanager.algorithm" = Some("PKIX"), Any, Medium, PerBroker, NoEffect,
        "";
    Password "ssl.truststore.certificates" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.truststore.location" = None, Any, Medium, PerBroker, NoEffect,
        "";
    Password "ssl.truststore.password" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "ssl.truststore.type" = Some("JKS"), Any, Medium, PerBroker, NoEffect,
        "";
}
