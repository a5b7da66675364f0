//! Where a broker is to be reached: `host:port` as users and brokers write it.
use std::fmt;

/// Host and port; the host is a name or an address, IPv6 without its brackets.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct BrokerAddress {
    pub host: String,
    pub port: u16,
}

/// Why a text is no address.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{text}` is no broker address: {reason}; write it as host:port, for example localhost:9092")]
pub struct InvalidAddress {
    text: String,
    reason: &'static str,
}

impl BrokerAddress {
    /// Kafka's customary port, taken when none is given.
    pub const DEFAULT_PORT: u16 = 9092;

    /// `host`, `host:port`, `[ipv6]:port`, each with an optional `PLAINTEXT://` before it.
    pub fn parse(text: &str) -> Result<BrokerAddress, InvalidAddress> {
        let fail = |reason| InvalidAddress { text: text.to_owned(), reason };
        let rest = match text.trim().split_once("://") {
            Some((protocol, rest)) if protocol.eq_ignore_ascii_case("PLAINTEXT") => rest,
            Some(_) => return Err(fail("only PLAINTEXT connections are made")),
            None => text.trim(),
        };
        let (host, port) = match rest.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(|| fail("a bracket is not closed"))?;
                let port = match after {
                    "" => None,
                    _ => Some(after.strip_prefix(':').ok_or_else(|| fail("a colon must follow the bracket"))?),
                };
                (host, port)
            }
            // More than one colon without brackets can only be an IPv6 address.
            None if rest.matches(':').count() > 1 => (rest, None),
            None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
        };
        if host.is_empty() || host.contains(char::is_whitespace) {
            return Err(fail("the host is missing"));
        }
        let port = match port {
            None => Self::DEFAULT_PORT,
            Some(port) => match port.parse() {
                Ok(0) | Err(_) => return Err(fail("a port is a number from 1 to 65535")),
                Ok(port) => port,
            },
        };
        Ok(BrokerAddress { host: host.to_owned(), port })
    }

    /// A list separated by commas; empty places are skipped, but one address there must be.
    pub fn parse_list(text: &str) -> Result<Vec<BrokerAddress>, InvalidAddress> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let addresses = parts.map(BrokerAddress::parse).collect::<Result<Vec<_>, _>>()?;
        if addresses.is_empty() {
            return Err(InvalidAddress { text: text.to_owned(), reason: "the list is empty" });
        }
        Ok(addresses)
    }
}

impl fmt::Display for BrokerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_users_write_them() {
        for (text, shown) in [
            ("localhost", "localhost:9092"),
            ("kafka-1:19092", "kafka-1:19092"),
            ("PLAINTEXT://10.0.0.1:1", "10.0.0.1:1"),
            ("[::1]:29092", "[::1]:29092"),
            ("[::1]", "[::1]:9092"),
            ("fe80::1", "[fe80::1]:9092"),
        ] {
            assert_eq!(BrokerAddress::parse(text).unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_way_out() {
        for bad in ["", ":9092", "host:", "host:0", "host:70000", "host:x", "SSL://host:1", "[::1", "[::1]9092"] {
            let error = BrokerAddress::parse(bad).unwrap_err().to_string();
            assert!(error.contains("host:port"), "{error}");
        }
        assert!(BrokerAddress::parse_list(" , ").is_err());
        assert_eq!(BrokerAddress::parse_list("a:1, b:2,").unwrap().len(), 2);
    }
}
