//! librdkafka, through the rdkafka crate, against a broker: one named by OTTLA_TEST_BROKER, else one started here.
use protocol_tests::child::{Child, free_port};
use rdkafka::ClientConfig;

/// A broker to test against, and what keeps it alive.
pub struct Broker {
    pub bootstrap: String,
    _own: Option<(Child, tempfile::TempDir)>,
}

impl Broker {
    /// # Panics
    /// When the broker does not start.
    pub fn start() -> Broker {
        if let Ok(bootstrap) = std::env::var("OTTLA_TEST_BROKER") {
            return Broker { bootstrap, _own: None };
        }
        let directory = tempfile::tempdir().expect("a directory");
        let child = Child::start(free_port(), directory.path(), &[]);
        Broker { bootstrap: child.address().to_string(), _own: Some((child, directory)) }
    }

    /// A client's settings for this broker; everything else as librdkafka has it.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.bootstrap);
        config
    }
}
