//! Broker settings of TLS.
use crate::config::setting::Valid::{Any, Elements, OneOf};
use crate::config::setting::settings;

settings! {
    Boolean "ssl.allow.dn.changes" = Some("false"), Any, Low, Fixed, NoEffect,
        "May a new certificate have another distinguished name?";
    Boolean "ssl.allow.san.changes" = Some("false"), Any, Low, Fixed, NoEffect,
        "May a new certificate lack alternative names of the old one?";
    List "ssl.cipher.suites" = Some(""), Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "Cipher suites that are offered.";
    String "ssl.client.auth" = Some("none"), OneOf(&["required", "requested", "none"]), Medium, PerBroker, NoEffect,
        "Must clients show a certificate?";
    List "ssl.enabled.protocols" = Some("TLSv1.2,TLSv1.3"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "TLS versions that are offered.";
    String "ssl.endpoint.identification.algorithm" = Some("https"), Any, Low, PerBroker, NoEffect,
        "How a server's name is checked against its certificate.";
    Class "ssl.engine.factory.class" = None, Any, Low, PerBroker, NoEffect,
        "Java class that makes TLS connections.";
    Password "ssl.key.password" = None, Any, Medium, PerBroker, NoEffect,
        "Password of the private key.";
    String "ssl.keymanager.algorithm" = Some("SunX509"), Any, Medium, PerBroker, NoEffect,
        "Java's algorithm for key stores.";
    Password "ssl.keystore.certificate.chain" = None, Any, Medium, PerBroker, NoEffect,
        "Certificate chain in PEM.";
    Password "ssl.keystore.key" = None, Any, Medium, PerBroker, NoEffect,
        "Private key in PEM.";
    String "ssl.keystore.location" = None, Any, Medium, PerBroker, NoEffect,
        "File of the key store.";
    Password "ssl.keystore.password" = None, Any, Medium, PerBroker, NoEffect,
        "Password of the key store.";
    String "ssl.keystore.type" = Some("JKS"), Any, Medium, PerBroker, NoEffect,
        "Format of the key store.";
    String "ssl.principal.mapping.rules" = Some("DEFAULT"), Any, Low, Fixed, NoEffect,
        "Rules that make principals of certificate names.";
    String "ssl.protocol" = Some("TLSv1.3"), Any, Medium, PerBroker, NoEffect,
        "TLS version to begin with.";
    String "ssl.provider" = None, Any, Medium, PerBroker, NoEffect,
        "Java's provider of TLS.";
    String "ssl.secure.random.implementation" = None, Any, Low, PerBroker, NoEffect,
        "Java's source of chance for TLS.";
    String "ssl.trustmanager.algorithm" = Some("PKIX"), Any, Medium, PerBroker, NoEffect,
        "Java's algorithm for trust stores.";
    Password "ssl.truststore.certificates" = None, Any, Medium, PerBroker, NoEffect,
        "Trusted certificates in PEM.";
    String "ssl.truststore.location" = None, Any, Medium, PerBroker, NoEffect,
        "File of the trust store.";
    Password "ssl.truststore.password" = None, Any, Medium, PerBroker, NoEffect,
        "Password of the trust store.";
    String "ssl.truststore.type" = Some("JKS"), Any, Medium, PerBroker, NoEffect,
        "Format of the trust store.";
}
