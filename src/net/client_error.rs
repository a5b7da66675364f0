//! What can go wrong between a client and a broker, said so that the reader knows what to do next.
use super::BrokerAddress;
use crate::wire::{Version, messages::ApiKey};
use std::{io, time::Duration};

/// Why a broker could not be asked or gave no usable answer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ClientError {
    #[error("cannot connect to {address}: {reason}: {hint}")]
    Connect { address: BrokerAddress, reason: String, hint: &'static str },
    #[error("{address} gave no answer to {api:?} within {} ms", waited.as_millis())]
    Timeout { address: BrokerAddress, api: ApiKey, waited: Duration },
    #[error("{address} closed the connection: {reason}")]
    Closed { address: BrokerAddress, reason: String },
    #[error("{address} is no plaintext Kafka listener: {what}")]
    NotKafka { address: BrokerAddress, what: &'static str },
    #[error("{address} began an answer of {length} bytes, more than the {limit} this client takes")]
    TooLarge { address: BrokerAddress, length: usize, limit: usize },
    #[error("{address} answered {api:?} version {version} with bytes that do not decode: {reason}")]
    Undecodable { address: BrokerAddress, api: ApiKey, version: Version, reason: String },
    #[error(
        "{address} does not serve {api:?} in a version this client speaks ({ours_min} to {ours_max}); it offers {offered}"
    )]
    Unsupported { address: BrokerAddress, api: ApiKey, ours_min: Version, ours_max: Version, offered: String },
    #[error("{api:?} does not encode at version {version}: {reason}")]
    NotEncodable { api: ApiKey, version: Version, reason: String },
    #[error("{address} refused to tell its versions: {code}")]
    VersionsRefused { address: BrokerAddress, code: String },
}

impl ClientError {
    /// From the error of one connection attempt, with what usually helps.
    pub fn connect(address: &BrokerAddress, error: &io::Error) -> ClientError {
        let (reason, hint) = match error.kind() {
            io::ErrorKind::ConnectionRefused => {
                ("connection refused".to_owned(), "is the broker running? start one with `ottla`")
            }
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                ("the host cannot be reached".to_owned(), "check the network and the address")
            }
            // The resolver's errors have no kind of their own.
            _ if error.raw_os_error().is_none() => {
                ("the name is not known".to_owned(), "check the spelling of the host, or use its IP address")
            }
            _ => (error.to_string(), "check the address and try again"),
        };
        ClientError::Connect { address: address.clone(), reason, hint }
    }

    /// From an attempt that did not end in time.
    pub fn connect_timeout(address: &BrokerAddress, waited: Duration) -> ClientError {
        ClientError::Connect {
            address: address.clone(),
            reason: format!("no connection within {} ms", waited.as_millis()),
            hint: "is the address right and no firewall between?",
        }
    }

    /// True when the broker could not be reached or went away: another one, or a later try, may do better.
    pub fn is_connection(&self) -> bool {
        matches!(self, ClientError::Connect { .. } | ClientError::Closed { .. } | ClientError::Timeout { .. })
    }

    pub fn is_timeout(&self) -> bool {
        matches!(self, ClientError::Timeout { .. })
    }
}
