//! The cluster as a command sees it: who leads what, and one connection per broker, opened when needed.
use super::{CliError, args::Global, error::code_name};
use crate::{
    net::{BrokerAddress, Client, ClientError, ClientSettings},
    types::ErrorCode,
    wire::{
        Request, StrBytes,
        messages::{
            MetadataRequest, MetadataResponse, TopicName, metadata_request::MetadataRequestTopic,
            metadata_response::MetadataResponseTopic,
        },
    },
};
use std::{collections::BTreeMap, rc::Rc, time::Duration};
use uuid::Uuid;

/// A connection to the first bootstrap broker that answered, and what it said about the others.
pub struct Cluster {
    settings: ClientSettings,
    bootstrap: Vec<BrokerAddress>,
    seed: Rc<Client>,
    brokers: BTreeMap<i32, BrokerAddress>,
    clients: BTreeMap<i32, Rc<Client>>,
}

/// One topic as brokers describe it.
#[derive(Clone, Debug)]
pub struct Topic {
    pub name: String,
    /// Nil when the broker speaks a version without topic ids.
    pub id: Uuid,
    pub internal: bool,
    /// Sorted by index.
    pub partitions: Vec<Partition>,
}

#[derive(Clone, Debug)]
pub struct Partition {
    pub index: i32,
    /// `None` while there is none.
    pub leader: Option<i32>,
    pub leader_epoch: i32,
    pub replicas: Vec<i32>,
    pub in_sync: Vec<i32>,
    pub offline: Vec<i32>,
}

pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(30);

impl Cluster {
    pub async fn connect(global: &Global, timeout_default: Duration) -> Result<Cluster, CliError> {
        let request_timeout = global.timeout.unwrap_or(timeout_default);
        let connect_timeout = request_timeout.min(Duration::from_secs(10));
        let settings = ClientSettings { request_timeout, connect_timeout, ..ClientSettings::default() };
        let bootstrap = bootstrap_addresses(global)?;
        let seed = Rc::new(Client::open_any(&bootstrap, &settings).await?);
        Ok(Cluster { settings, bootstrap, seed, brokers: BTreeMap::new(), clients: BTreeMap::new() })
    }

    pub fn timeout(&self) -> Duration {
        self.settings.request_timeout
    }

    /// The same as the request's `timeout_ms` field.
    pub fn timeout_ms(&self) -> i32 {
        i32::try_from(self.settings.request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// The bootstrap broker: for requests any broker can answer.
    pub fn seed(&self) -> &Client {
        &self.seed
    }

    pub async fn ask<R: Request>(&self, request: &R) -> Result<R::Response, CliError> {
        Ok(self.seed.ask(request).await?)
    }

    /// All topics, or those named; brokers are learnt on the way. A seed that went away is replaced.
    pub async fn metadata(&mut self, topics: Option<&[String]>, create: bool) -> Result<MetadataResponse, CliError> {
        let answer = match self.ask_metadata(topics, create).await {
            Err(error) if error.is_connection() && !error.is_timeout() => {
                self.seed = Rc::new(Client::open_any(&self.bootstrap, &self.settings).await?);
                self.ask_metadata(topics, create).await?
            }
            other => other?,
        };
        self.brokers.clear();
        for broker in &answer.brokers {
            let Ok(port) = u16::try_from(broker.port) else { continue };
            self.brokers.insert(broker.node_id.0, BrokerAddress { host: broker.host.to_string(), port });
        }
        Ok(answer)
    }

    async fn ask_metadata(&self, topics: Option<&[String]>, create: bool) -> Result<MetadataResponse, ClientError> {
        let version = self.seed.version_of::<MetadataRequest>()?;
        let topic = |name: &String| MetadataRequestTopic::default().with_name(Some(wire_name(name)));
        let topics = match topics {
            Some(names) => Some(names.iter().map(topic).collect()),
            // In version 0 the empty list means all.
            None if version == 0 => Some(Vec::new()),
            None => None,
        };
        // Before version 4 the request had no say in it.
        let create = create || version < 4;
        let request = MetadataRequest::default().with_topics(topics).with_allow_auto_topic_creation(create);
        self.seed.begin(&request, version).await?.answer().await
    }

    /// One topic that exists, with a leader or none for each partition.
    pub async fn topic(&mut self, name: &str) -> Result<Topic, CliError> {
        let answer = self.metadata(Some(&[name.to_owned()]), false).await?;
        let Some(topic) = answer.topics.first() else { return Err(CliError::no_such_topic(name)) };
        match ErrorCode::from_wire(topic.error_code) {
            Some(ErrorCode::None | ErrorCode::LeaderNotAvailable) => Ok(Topic::from_answer(topic)),
            Some(ErrorCode::UnknownTopicOrPartition) => Err(CliError::no_such_topic(name)),
            _ => Err(CliError::broker(&format!("topic {name}"), topic.error_code, None)),
        }
    }

    /// How many partitions topics have: none when there is no such topic; those of which it is not known now are left out.
    pub async fn partition_counts(
        &mut self,
        names: impl Iterator<Item = String>,
    ) -> Result<BTreeMap<String, usize>, CliError> {
        let answer = self.metadata(Some(&names.collect::<Vec<_>>()), false).await?;
        let count = |topic: &MetadataResponseTopic| match ErrorCode::from_wire(topic.error_code)? {
            ErrorCode::None => Some((topic.name.as_ref()?.to_string(), topic.partitions.len())),
            ErrorCode::UnknownTopicOrPartition => Some((topic.name.as_ref()?.to_string(), 0)),
            _ => None,
        };
        Ok(answer.topics.iter().filter_map(count).collect())
    }

    /// The connection to one broker; its address is the one the cluster advertises.
    pub async fn broker(&mut self, id: i32) -> Result<Rc<Client>, CliError> {
        if let Some(client) = self.clients.get(&id) {
            return Ok(Rc::clone(client));
        }
        let Some(address) = self.brokers.get(&id) else {
            return Err(CliError::Failed(format!("broker {id} is not known to {}", self.seed.address())));
        };
        let client = if address == self.seed.address() {
            Rc::clone(&self.seed)
        } else {
            Rc::new(Client::open(address, &self.settings).await.map_err(|error| self.unreachable(id, error))?)
        };
        self.clients.insert(id, Rc::clone(&client));
        Ok(client)
    }

    /// After an error on connections that are not this one's to name, or a silence: all are opened anew.
    pub async fn reconnect(&mut self) -> Result<(), CliError> {
        self.clients.clear();
        self.seed = Rc::new(Client::open_any(&self.bootstrap, &self.settings).await?);
        Ok(())
    }

    /// After an error on this broker's connection: the next use opens a new one.
    pub fn forget(&mut self, id: i32) {
        self.clients.remove(&id);
    }

    /// The most common trap of all: the bootstrap address works and the advertised one does not.
    fn unreachable(&self, id: i32, error: ClientError) -> CliError {
        let seed = self.seed.address();
        CliError::Unreachable(format!(
            "{error}\n{seed} answered, but says that broker {id} is reached elsewhere: \
             check advertised.listeners of broker {id}"
        ))
    }
}

impl Topic {
    pub fn from_answer(topic: &MetadataResponseTopic) -> Topic {
        let ids = |ids: &[crate::wire::messages::BrokerId]| ids.iter().map(|id| id.0).collect();
        let mut partitions: Vec<Partition> = topic
            .partitions
            .iter()
            .map(|partition| Partition {
                index: partition.partition_index,
                leader: Some(partition.leader_id.0).filter(|id| *id >= 0),
                leader_epoch: partition.leader_epoch,
                replicas: ids(&partition.replica_nodes),
                in_sync: ids(&partition.isr_nodes),
                offline: ids(&partition.offline_replicas),
            })
            .collect();
        partitions.sort_by_key(|partition| partition.index);
        let name = topic.name.as_ref().map(|name| name.to_string()).unwrap_or_default();
        Topic { name, id: topic.topic_id, internal: topic.is_internal, partitions }
    }

    pub fn leader_of(&self, partition: i32) -> Option<i32> {
        self.partitions.iter().find(|found| found.index == partition)?.leader
    }

    /// Copies of each partition: those of the first, as Kafka's tools have it.
    pub fn replication(&self) -> usize {
        self.partitions.first().map_or(0, |partition| partition.replicas.len())
    }
}

pub fn wire_name(name: &str) -> TopicName {
    TopicName(StrBytes::from_string(name.to_owned()))
}

/// From the flag, else from the environment variables people have set already, else Kafka's usual place.
fn bootstrap_addresses(global: &Global) -> Result<Vec<BrokerAddress>, CliError> {
    let from_environment =
        || ["KAFKA_BOOTSTRAP_SERVERS", "RPK_BROKERS"].iter().find_map(|name| std::env::var(name).ok());
    let text = global.bootstrap_server.clone().filter(|text| !text.is_empty());
    let text = text.or_else(|| from_environment().filter(|text| !text.is_empty()));
    BrokerAddress::parse_list(text.as_deref().unwrap_or("localhost:9092"))
        .map_err(|error| CliError::Usage(error.to_string()))
}

/// A broker's error about one partition that a newer leader or a moment's patience may cure.
pub fn is_passing(code: i16) -> bool {
    use ErrorCode::*;
    matches!(
        ErrorCode::from_wire(code),
        Some(
            UnknownTopicOrPartition
                | LeaderNotAvailable
                | NotLeaderOrFollower
                | RequestTimedOut
                | ReplicaNotAvailable
                | NetworkException
                | CoordinatorLoadInProgress
                | CoordinatorNotAvailable
                | NotEnoughReplicas
                | NotEnoughReplicasAfterAppend
                | KafkaStorageError
                | FencedLeaderEpoch
                | UnknownLeaderEpoch
                | OffsetNotAvailable
                | UnknownTopicId
                | InconsistentTopicId
                | ConcurrentTransactions
        )
    )
}

/// For messages about one partition.
pub fn partition_error(topic: &str, partition: i32, code: i16) -> String {
    format!("{topic}-{partition}: {}", code_name(code))
}
