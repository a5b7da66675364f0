//! docs/settings.md, written from the table.
use crate::config::setting::{Dynamic, Effect, Scope, Setting, Valid};
use crate::config::table;

/// The page as Markdown; a test holds the committed file to it.
pub fn settings_page() -> String {
    let mut page = String::from(
        "# Settings\n\n\
         Written from the table in `src/config/table/`; change it there, then run `OTTLA_WRITE_DOCS=1 cargo test settings_page`.\n\n\
         Broker settings come from `--override key=value`, then environment variables (`KAFKA_X_Y`, `KAFKA_CFG_X_Y`), then\n\
         `server.properties`, then the defaults below. Effect: *honoured* does what Apache Kafka's documentation says,\n\
         *mapped* steers a mechanism of our own, *none* is accepted so that existing files work and says so once in the log.\n\
         Changed: *restart*, *broker* (at run time, one broker) or *cluster* (at run time, all of them).\n",
    );
    for (scope, title) in [(Scope::Topic, "Topics"), (Scope::Broker, "Brokers")] {
        page.push_str(&head(title));
        for setting in table::all(scope) {
            page.push_str(&row(scope, setting));
        }
    }
    // Settings of these change as a topic's do.
    page.push_str(&head("Groups"));
    table::groups().for_each(|setting| page.push_str(&row(Scope::Topic, setting)));
    page.push_str(&head("Subscriptions to metrics of clients"));
    table::all_client_metrics().for_each(|setting| page.push_str(&row(Scope::Topic, setting)));
    page
}

fn head(title: &str) -> String {
    let columns = "| name | type | default | values | changed | effect | meaning |\n|---|---|---|---|---|---|---|\n";
    format!("\n## {title}\n\n{columns}")
}

fn row(scope: Scope, setting: &Setting) -> String {
    let default = match setting.default {
        None => "none".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => format!("`{text}`"),
    };
    let changed = match (scope, setting.dynamic) {
        (Scope::Topic, _) => "any time",
        (Scope::Broker, Dynamic::Fixed) => "restart",
        (Scope::Broker, Dynamic::PerBroker) => "broker",
        (Scope::Broker, Dynamic::ClusterWide) => "cluster",
    };
    let effect = match setting.effect {
        Effect::Honoured => "honoured",
        Effect::Mapped => "mapped",
        Effect::NoEffect => "none",
    };
    let kind = setting.kind.name().to_lowercase();
    let values = values(setting.valid);
    format!("| `{}` | {kind} | {default} | {values} | {changed} | {effect} | {} |\n", setting.name, setting.doc)
}

fn values(valid: Valid) -> String {
    match valid {
        Valid::Any => String::new(),
        Valid::AtLeast(least) => format!("{least} or more"),
        Valid::Between(least, most) => format!("{least} to {most}"),
        Valid::BetweenFractions(least, most) => format!("{least} to {most}"),
        Valid::OneOf(allowed) | Valid::OneOfAnyCase(allowed) => allowed.join(", "),
        Valid::Elements { of, empty_allowed } => {
            let elements = if of.is_empty() { String::new() } else { format!("any of {}", of.join(", ")) };
            match (elements.is_empty(), empty_allowed) {
                (true, true) => String::new(),
                (true, false) => "not empty".into(),
                (false, _) => elements,
            }
        }
        Valid::NonEmpty => "not empty".into(),
        Valid::GzipLevel => "1 to 9, or -1".into(),
        Valid::ThrottledReplicas => "`*` or partition:broker,...".into(),
    }
}

#[cfg(test)]
mod tests;
