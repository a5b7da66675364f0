//! Broker settings of SASL, delegation tokens and who may do what.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, OneOfAnyCase};
use crate::config::setting::settings;

settings! {
    String "authorizer.class.name" = Some(""), Any, Low, Fixed, NoEffect,
        "";
    Long "connections.max.reauth.ms" = Some("0"), Any, Medium, Fixed, NoEffect,
        "";
    Long "delegation.token.expiry.check.interval.ms" = Some("3600000"), AtLeast(1), Low, Fixed, NoEffect,
        "";
    Long "delegation.token.expiry.time.ms" = Some("86400000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Long "delegation.token.max.lifetime.ms" = Some("604800000"), AtLeast(1), Medium, Fixed, NoEffect,
        "";
    Password "delegation.token.secret.key" = None, Any, Medium, Fixed, NoEffect,
        "";
    Class "principal.builder.class" = Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Any, Medium, PerBroker, NoEffect,
        "";
    Class "sasl.client.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "";
    List "sasl.enabled.mechanisms" = Some("GSSAPI"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "";
    Password "sasl.jaas.config" = None, Any, Medium, PerBroker, NoEffect,
        "";
    String "sasl.kerberos.kinit.cmd" = Some("/usr/bin/kinit"), Any, Medium, PerBroker, NoEffect,
        "";
    Long "sasl.kerberos.min.time.before.relogin" = Some("60000"), Any, Medium, PerBroker, NoEffect,
        "";
    List "sasl.kerberos.principal.to.local.rules" = Some("DEFAULT"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "";
    String "sasl.kerberos.service.name" = None, Any, Medium, PerBroker, NoEffect,
        "";
    Double "sasl.kerberos.ticket.renew.jitter" = Some("0.05"), Any, Medium, PerBroker, NoEffect,
        "";
    Double "sasl.kerberos.ticket.renew.window.factor" = Some("0.8"), Any, Medium, PerBroker, NoEffect,
        "";
    Class "sasl.login.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "";
    Class "sasl.login.class" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "sasl.login.connect.timeout.ms" = None, Any, Low, Fixed, NoEffect,
        "";
    Int "sasl.login.read.timeout.ms" = None, Any, Low, Fixed, NoEffect,
        "";
    Short "sasl.login.refresh.buffer.seconds" = Some("300"), Any, Medium, PerBroker, NoEffect,
        "";
    Short "sasl.login.refresh.min.period.seconds" = Some("60"), Any, Medium, PerBroker, NoEffect,
        "";
    Double "sasl.login.refresh.window.factor" = Some("0.8"), Any, Medium, PerBroker, NoEffect,
        "";
    Double "sasl.login.refresh.window.jitter" = Some("0.05"), Any, Medium, PerBroker, NoEffect,
        "";
    Long "sasl.login.retry.backoff.max.ms" = Some("10000"), Any, Low, Fixed, NoEffect,
        "";
    Long "sasl.login.retry.backoff.ms" = Some("100"), Any, Low, Fixed, NoEffect,
        "";
    String "sasl.mechanism.controller.protocol" = Some("GSSAPI"), Any, High, Fixed, NoEffect,
        "";
    String "sasl.mechanism.inter.broker.protocol" = Some("GSSAPI"), Any, Medium, PerBroker, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.algorithm" = Some("RS256"),
        OneOfAnyCase(&["ES256", "RS256"]), Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.claim.aud" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "sasl.oauthbearer.assertion.claim.exp.seconds" = Some("300"), Between(0, 86400), Low, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.claim.iss" = None, Any, Medium, Fixed, NoEffect,
        "";
    Boolean "sasl.oauthbearer.assertion.claim.jti.include" = Some("false"), Any, Medium, Fixed, NoEffect,
        "";
    Int "sasl.oauthbearer.assertion.claim.nbf.seconds" = Some("60"), Between(0, 3600), Low, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.claim.sub" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.file" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.private.key.file" = None, Any, Medium, Fixed, NoEffect,
        "";
    Password "sasl.oauthbearer.assertion.private.key.passphrase" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.assertion.template.file" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.client.credentials.client.id" = None, Any, Medium, Fixed, NoEffect,
        "";
    Password "sasl.oauthbearer.client.credentials.client.secret" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "sasl.oauthbearer.clock.skew.seconds" = Some("30"), Any, Low, Fixed, NoEffect,
        "";
    List "sasl.oauthbearer.expected.audience" = Some(""),
        Elements { of: &[], empty_allowed: true }, High, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.expected.issuer" = None, Any, High, Fixed, NoEffect,
        "";
    Long "sasl.oauthbearer.jwks.endpoint.refresh.ms" = Some("3600000"), Any, Low, Fixed, NoEffect,
        "";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" = Some("10000"), Any, Low, Fixed, NoEffect,
        "";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" = Some("100"), Any, Low, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.jwks.endpoint.url" = None, Any, Medium, Fixed, NoEffect,
        "";
    Class "sasl.oauthbearer.jwt.retriever.class" = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Any, Medium, Fixed, NoEffect,
        "";
    Class "sasl.oauthbearer.jwt.validator.class" = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.scope" = None, Any, Medium, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.scope.claim.name" = Some("scope"), Any, Low, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.sub.claim.name" = Some("sub"), Any, Low, Fixed, NoEffect,
        "";
    String "sasl.oauthbearer.token.endpoint.url" = None, Any, Medium, Fixed, NoEffect,
        "";
    Class "sasl.server.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "";
    Int "sasl.server.max.receive.size" = Some("524288"), Any, Medium, Fixed, NoEffect,
        "";
    String "security.providers" = None, Any, Low, Fixed, NoEffect,
        "";
}
