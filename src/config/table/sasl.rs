//! Broker settings of SASL, delegation tokens and who may do what.
use crate::config::setting::Valid::{Any, AtLeast, Between, Elements, OneOfAnyCase};
use crate::config::setting::settings;

settings! {
    String "authorizer.class.name" = Some(""), Any, Low, Fixed, NoEffect,
        "Java class that enforces access rules; refused while rules are not enforced here.";
    Long "connections.max.reauth.ms" = Some("0"), Any, Medium, Fixed, NoEffect,
        "A client must log in again after this long; 0 is never.";
    Long "delegation.token.expiry.check.interval.ms" = Some("3600000"), AtLeast(1), Low, Fixed, NoEffect,
        "How often expired delegation tokens are removed.";
    Long "delegation.token.expiry.time.ms" = Some("86400000"), AtLeast(1), Medium, Fixed, NoEffect,
        "How long a delegation token is good without renewal.";
    Long "delegation.token.max.lifetime.ms" = Some("604800000"), AtLeast(1), Medium, Fixed, NoEffect,
        "How long a delegation token can be renewed.";
    Password "delegation.token.secret.key" = None, Any, Medium, Fixed, NoEffect,
        "The secret that signs delegation tokens.";
    Class "principal.builder.class" = Some("org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder"),
        Any, Medium, PerBroker, NoEffect,
        "Java class that names whoever connects; another one than the default is refused.";
    Class "sasl.client.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "Java class for the broker's logins as a client.";
    List "sasl.enabled.mechanisms" = Some("GSSAPI"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "SASL mechanisms that clients may use.";
    Password "sasl.jaas.config" = None, Any, Medium, PerBroker, NoEffect,
        "Login of a listener and mechanism, in JAAS syntax.";
    String "sasl.kerberos.kinit.cmd" = Some("/usr/bin/kinit"), Any, Medium, PerBroker, NoEffect,
        "Path of kinit.";
    Long "sasl.kerberos.min.time.before.relogin" = Some("60000"), Any, Medium, PerBroker, NoEffect,
        "Shortest pause between two Kerberos logins.";
    List "sasl.kerberos.principal.to.local.rules" = Some("DEFAULT"),
        Elements { of: &[], empty_allowed: true }, Medium, PerBroker, NoEffect,
        "Rules that make short names of Kerberos principals.";
    String "sasl.kerberos.service.name" = None, Any, Medium, PerBroker, NoEffect,
        "Kerberos name of the brokers' service.";
    Double "sasl.kerberos.ticket.renew.jitter" = Some("0.05"), Any, Medium, PerBroker, NoEffect,
        "Random share of the time of renewal.";
    Double "sasl.kerberos.ticket.renew.window.factor" = Some("0.8"), Any, Medium, PerBroker, NoEffect,
        "Share of a ticket's life after which it is renewed.";
    Class "sasl.login.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "Java class for logins.";
    Class "sasl.login.class" = None, Any, Medium, Fixed, NoEffect,
        "Java class of the login itself.";
    Int "sasl.login.connect.timeout.ms" = None, Any, Low, Fixed, NoEffect,
        "How long to wait for a connection to the token provider.";
    Int "sasl.login.read.timeout.ms" = None, Any, Low, Fixed, NoEffect,
        "How long to wait for the token provider's answer.";
    Short "sasl.login.refresh.buffer.seconds" = Some("300"), Any, Medium, PerBroker, NoEffect,
        "Time before expiry by which a login is renewed.";
    Short "sasl.login.refresh.min.period.seconds" = Some("60"), Any, Medium, PerBroker, NoEffect,
        "Shortest pause before a login is renewed.";
    Double "sasl.login.refresh.window.factor" = Some("0.8"), Any, Medium, PerBroker, NoEffect,
        "Share of a login's life after which it is renewed.";
    Double "sasl.login.refresh.window.jitter" = Some("0.05"), Any, Medium, PerBroker, NoEffect,
        "Random share of that time.";
    Long "sasl.login.retry.backoff.max.ms" = Some("10000"), Any, Low, Fixed, NoEffect,
        "Longest pause between tries at the token provider.";
    Long "sasl.login.retry.backoff.ms" = Some("100"), Any, Low, Fixed, NoEffect,
        "First pause between tries at the token provider.";
    String "sasl.mechanism.controller.protocol" = Some("GSSAPI"), Any, High, Fixed, NoEffect,
        "SASL mechanism towards controllers.";
    String "sasl.mechanism.inter.broker.protocol" = Some("GSSAPI"), Any, Medium, PerBroker, NoEffect,
        "SASL mechanism among brokers.";
    String "sasl.oauthbearer.assertion.algorithm" = Some("RS256"),
        OneOfAnyCase(&["ES256", "RS256"]), Medium, Fixed, NoEffect,
        "Algorithm that signs assertions for the token provider.";
    String "sasl.oauthbearer.assertion.claim.aud" = None, Any, Medium, Fixed, NoEffect,
        "Audience in those assertions.";
    Int "sasl.oauthbearer.assertion.claim.exp.seconds" = Some("300"), Between(0, 86400), Low, Fixed, NoEffect,
        "How long those assertions are good.";
    String "sasl.oauthbearer.assertion.claim.iss" = None, Any, Medium, Fixed, NoEffect,
        "Issuer in those assertions.";
    Boolean "sasl.oauthbearer.assertion.claim.jti.include" = Some("false"), Any, Medium, Fixed, NoEffect,
        "Give those assertions a unique id.";
    Int "sasl.oauthbearer.assertion.claim.nbf.seconds" = Some("60"), Between(0, 3600), Low, Fixed, NoEffect,
        "How long before now those assertions begin to be good.";
    String "sasl.oauthbearer.assertion.claim.sub" = None, Any, Medium, Fixed, NoEffect,
        "Subject in those assertions.";
    String "sasl.oauthbearer.assertion.file" = None, Any, Medium, Fixed, NoEffect,
        "File with a ready assertion.";
    String "sasl.oauthbearer.assertion.private.key.file" = None, Any, Medium, Fixed, NoEffect,
        "File with the key that signs assertions.";
    Password "sasl.oauthbearer.assertion.private.key.passphrase" = None, Any, Medium, Fixed, NoEffect,
        "Passphrase of that key.";
    String "sasl.oauthbearer.assertion.template.file" = None, Any, Medium, Fixed, NoEffect,
        "File with further claims of assertions.";
    String "sasl.oauthbearer.client.credentials.client.id" = None, Any, Medium, Fixed, NoEffect,
        "Client id at the token provider.";
    Password "sasl.oauthbearer.client.credentials.client.secret" = None, Any, Medium, Fixed, NoEffect,
        "Client secret at the token provider.";
    Int "sasl.oauthbearer.clock.skew.seconds" = Some("30"), Any, Low, Fixed, NoEffect,
        "By how much clocks may differ when tokens are checked.";
    List "sasl.oauthbearer.expected.audience" = Some(""),
        Elements { of: &[], empty_allowed: true }, High, Fixed, NoEffect,
        "Audiences of which a token must name one.";
    String "sasl.oauthbearer.expected.issuer" = None, Any, High, Fixed, NoEffect,
        "The issuer that a token must name.";
    Long "sasl.oauthbearer.jwks.endpoint.refresh.ms" = Some("3600000"), Any, Low, Fixed, NoEffect,
        "How often the provider's keys are fetched anew.";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms" = Some("10000"), Any, Low, Fixed, NoEffect,
        "Longest pause between tries to fetch those keys.";
    Long "sasl.oauthbearer.jwks.endpoint.retry.backoff.ms" = Some("100"), Any, Low, Fixed, NoEffect,
        "First pause between tries to fetch those keys.";
    String "sasl.oauthbearer.jwks.endpoint.url" = None, Any, Medium, Fixed, NoEffect,
        "Where the provider's keys are.";
    Class "sasl.oauthbearer.jwt.retriever.class" = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtRetriever"),
        Any, Medium, Fixed, NoEffect,
        "Java class that fetches tokens.";
    Class "sasl.oauthbearer.jwt.validator.class" = Some("org.apache.kafka.common.security.oauthbearer.DefaultJwtValidator"),
        Any, Medium, Fixed, NoEffect,
        "Java class that checks tokens.";
    String "sasl.oauthbearer.scope" = None, Any, Medium, Fixed, NoEffect,
        "Scope asked of the token provider.";
    String "sasl.oauthbearer.scope.claim.name" = Some("scope"), Any, Low, Fixed, NoEffect,
        "Claim that holds a token's scope.";
    String "sasl.oauthbearer.sub.claim.name" = Some("sub"), Any, Low, Fixed, NoEffect,
        "Claim that holds a token's subject.";
    String "sasl.oauthbearer.token.endpoint.url" = None, Any, Medium, Fixed, NoEffect,
        "Where tokens are issued.";
    Class "sasl.server.callback.handler.class" = None, Any, Medium, Fixed, NoEffect,
        "Java class that checks logins of one mechanism.";
    Int "sasl.server.max.receive.size" = Some("524288"), Any, Medium, Fixed, NoEffect,
        "The largest message of a login.";
    String "security.providers" = None, Any, Low, Fixed, NoEffect,
        "Java classes of security algorithms.";
}
