//! docs/COMPATIBILITY.md, written from the table of APIs and what Apache Kafka 4.3 advertises.
use super::table::{Route, TABLE};
use crate::wire::Version;
use std::fmt::Write as _;

/// What an API is for; absent ones are listed by it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Subject {
    Records,
    Cluster,
    Replicas,
    Groups,
    ShareGroups,
    StreamsGroups,
    Transactions,
    Security,
    Quotas,
}

const SUBJECTS: &[(Subject, &str)] = &[
    (Subject::Records, "Records"),
    (Subject::Cluster, "The cluster and its settings"),
    (Subject::Replicas, "Replicas and log directories"),
    (Subject::Groups, "Consumer groups"),
    (Subject::ShareGroups, "Share groups"),
    (Subject::StreamsGroups, "Streams groups"),
    (Subject::Transactions, "Transactions"),
    (Subject::Security, "Authentication and access control"),
    (Subject::Quotas, "Quotas"),
];

/// Key, name, first and last version, subject of every API that a broker of Apache Kafka 4.3 advertises.
#[rustfmt::skip]
const KAFKA: &[(i16, &str, Version, Version, Subject)] = &[
    (0, "Produce", 0, 13, Subject::Records),
    (1, "Fetch", 4, 18, Subject::Records),
    (2, "ListOffsets", 1, 11, Subject::Records),
    (3, "Metadata", 0, 13, Subject::Records),
    (8, "OffsetCommit", 2, 10, Subject::Groups),
    (9, "OffsetFetch", 1, 10, Subject::Groups),
    (10, "FindCoordinator", 0, 6, Subject::Groups),
    (11, "JoinGroup", 0, 9, Subject::Groups),
    (12, "Heartbeat", 0, 4, Subject::Groups),
    (13, "LeaveGroup", 0, 5, Subject::Groups),
    (14, "SyncGroup", 0, 5, Subject::Groups),
    (15, "DescribeGroups", 0, 6, Subject::Groups),
    (16, "ListGroups", 0, 5, Subject::Groups),
    (17, "SaslHandshake", 0, 1, Subject::Security),
    (18, "ApiVersions", 0, 4, Subject::Cluster),
    (19, "CreateTopics", 2, 7, Subject::Cluster),
    (20, "DeleteTopics", 1, 6, Subject::Cluster),
    (21, "DeleteRecords", 0, 2, Subject::Records),
    (22, "InitProducerId", 0, 5, Subject::Transactions),
    (23, "OffsetForLeaderEpoch", 2, 4, Subject::Records),
    (24, "AddPartitionsToTxn", 0, 5, Subject::Transactions),
    (25, "AddOffsetsToTxn", 0, 4, Subject::Transactions),
    (26, "EndTxn", 0, 5, Subject::Transactions),
    (27, "WriteTxnMarkers", 1, 2, Subject::Transactions),
    (28, "TxnOffsetCommit", 0, 5, Subject::Transactions),
    (29, "DescribeAcls", 1, 3, Subject::Security),
    (30, "CreateAcls", 1, 3, Subject::Security),
    (31, "DeleteAcls", 1, 3, Subject::Security),
    (32, "DescribeConfigs", 1, 4, Subject::Cluster),
    (33, "AlterConfigs", 0, 2, Subject::Cluster),
    (34, "AlterReplicaLogDirs", 1, 2, Subject::Replicas),
    (35, "DescribeLogDirs", 1, 5, Subject::Replicas),
    (36, "SaslAuthenticate", 0, 2, Subject::Security),
    (37, "CreatePartitions", 0, 3, Subject::Cluster),
    (38, "CreateDelegationToken", 1, 3, Subject::Security),
    (39, "RenewDelegationToken", 1, 2, Subject::Security),
    (40, "ExpireDelegationToken", 1, 2, Subject::Security),
    (41, "DescribeDelegationToken", 1, 3, Subject::Security),
    (42, "DeleteGroups", 0, 2, Subject::Groups),
    (43, "ElectLeaders", 0, 2, Subject::Replicas),
    (44, "IncrementalAlterConfigs", 0, 1, Subject::Cluster),
    (45, "AlterPartitionReassignments", 0, 1, Subject::Replicas),
    (46, "ListPartitionReassignments", 0, 0, Subject::Replicas),
    (47, "OffsetDelete", 0, 0, Subject::Groups),
    (48, "DescribeClientQuotas", 0, 1, Subject::Quotas),
    (49, "AlterClientQuotas", 0, 1, Subject::Quotas),
    (50, "DescribeUserScramCredentials", 0, 0, Subject::Security),
    (51, "AlterUserScramCredentials", 0, 0, Subject::Security),
    (55, "DescribeQuorum", 0, 2, Subject::Cluster),
    (57, "UpdateFeatures", 0, 2, Subject::Cluster),
    (60, "DescribeCluster", 0, 2, Subject::Cluster),
    (61, "DescribeProducers", 0, 0, Subject::Records),
    (64, "UnregisterBroker", 0, 0, Subject::Cluster),
    (65, "DescribeTransactions", 0, 0, Subject::Transactions),
    (66, "ListTransactions", 0, 2, Subject::Transactions),
    (68, "ConsumerGroupHeartbeat", 0, 1, Subject::Groups),
    (69, "ConsumerGroupDescribe", 0, 1, Subject::Groups),
    (71, "GetTelemetrySubscriptions", 0, 0, Subject::Cluster),
    (72, "PushTelemetry", 0, 0, Subject::Cluster),
    (74, "ListConfigResources", 0, 1, Subject::Cluster),
    (75, "DescribeTopicPartitions", 0, 0, Subject::Cluster),
    (76, "ShareGroupHeartbeat", 1, 1, Subject::ShareGroups),
    (77, "ShareGroupDescribe", 1, 1, Subject::ShareGroups),
    (78, "ShareFetch", 1, 2, Subject::ShareGroups),
    (79, "ShareAcknowledge", 1, 2, Subject::ShareGroups),
    (80, "AddRaftVoter", 0, 1, Subject::Cluster),
    (81, "RemoveRaftVoter", 0, 0, Subject::Cluster),
    (83, "InitializeShareGroupState", 0, 0, Subject::ShareGroups),
    (84, "ReadShareGroupState", 0, 0, Subject::ShareGroups),
    (85, "WriteShareGroupState", 0, 1, Subject::ShareGroups),
    (86, "DeleteShareGroupState", 0, 0, Subject::ShareGroups),
    (87, "ReadShareGroupStateSummary", 0, 1, Subject::ShareGroups),
    (88, "StreamsGroupHeartbeat", 0, 0, Subject::StreamsGroups),
    (89, "StreamsGroupDescribe", 0, 0, Subject::StreamsGroups),
    (90, "DescribeShareGroupOffsets", 0, 1, Subject::ShareGroups),
    (91, "AlterShareGroupOffsets", 0, 0, Subject::ShareGroups),
    (92, "DeleteShareGroupOffsets", 0, 0, Subject::ShareGroups),
];

/// What a client may meet although the version is served.
fn note(key: i16) -> &'static str {
    match key {
        0 => "0 to 2 are advertised but not served, as by Kafka",
        1 => "consumers only: there are no other replicas yet",
        2 => "nothing is tiered: its special timestamps find no offset",
        10 => "groups and transactional ids; version 6 only adds share groups",
        17 | 36 => "nobody authenticates yet: always `ILLEGAL_SASL_STATE`, as by Kafka on a PLAINTEXT listener",
        28 => "version 6, with topic ids (KIP-1319), came after Kafka 4.3",
        32 => "topics, brokers, their loggers, metrics of clients, and groups",
        33 | 44 => "topics, brokers, metrics of clients, and groups; loggers are `INVALID_REQUEST`",
        _ => "",
    }
}

/// The page as Markdown; a test holds the committed file to it.
pub fn compatibility_page() -> String {
    let mut page = String::from(
        "# Compatibility\n\n\
         Written from the table in `src/api/table.rs`; change it there, then run\n\
         `OTTLA_WRITE_DOCS=1 cargo test compatibility_page`.\n\n\
         A client learns the same from the broker: `ApiVersions` names what is served, and nothing else. A request for an API\n\
         or a version that is not served ends its connection with one line in the log, as in Apache Kafka. Versions on the\n\
         right are those that Apache Kafka 4.3 advertises. Where the answers themselves differ on purpose,\n\
         `protocol-tests/DIFFERENCES.md` says how and why.\n\n\
         ## Served\n\n\
         | API | key | advertised | served | Kafka 4.3 | |\n|---|---|---|---|---|---|\n",
    );
    for route in TABLE {
        page.push_str(&row(route));
    }
    page.push_str("\n## Absent\n");
    for (subject, title) in SUBJECTS {
        let absent = KAFKA.iter().filter(|(key, .., about)| about == subject && !is_served(*key));
        let absent: Vec<_> =
            absent.map(|(key, name, min, max, _)| format!("| {name} | {key} | {} |\n", versions(*min, *max))).collect();
        if !absent.is_empty() {
            let _ = write!(page, "\n### {title}\n\n| API | key | Kafka 4.3 |\n|---|---|---|\n{}", absent.concat());
        }
    }
    page
}

fn row(route: &Route) -> String {
    let key = route.key as i16;
    let (advertised, served) = (versions(route.advertised_min, route.max), versions(route.min, route.max));
    let kafka = KAFKA.iter().find(|(of, ..)| *of == key);
    let kafka = kafka.map_or_else(|| "none".to_owned(), |(_, _, min, max, _)| versions(*min, *max));
    format!("| {} | {key} | {advertised} | {served} | {kafka} | {} |\n", route.name, note(key))
}

fn is_served(key: i16) -> bool {
    TABLE.iter().any(|route| route.key as i16 == key)
}

fn versions(min: Version, max: Version) -> String {
    if min == max { min.to_string() } else { format!("{min} to {max}") }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the test reads and, on request, writes the committed page")]
mod tests {
    use super::*;
    use std::{
        collections::BTreeSet,
        fs,
        path::{Path, PathBuf},
    };

    #[test]
    fn compatibility_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/COMPATIBILITY.md");
        let page = compatibility_page() + &suites();
        if std::env::var_os("OTTLA_WRITE_DOCS").is_some() {
            fs::write(&path, &page).expect("the page can be written");
        }
        let committed = fs::read_to_string(&path).expect("docs/COMPATIBILITY.md exists");
        assert!(
            committed == page,
            "docs/COMPATIBILITY.md is old; run OTTLA_WRITE_DOCS=1 cargo test compatibility_page"
        );
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// Name, what came of it on Apache Kafka, what on Ottla.
    fn results(suite: &str) -> Vec<[String; 3]> {
        let written = read(&compat().join("results").join(suite).with_extension("tsv"));
        let row = |row: &str| row.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into();
        written.lines().filter(|line| !line.starts_with('#')).map(|line| row(line).expect(line)).collect()
    }

    fn compat() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("compat")
    }

    /// The section of the clients' own suites, counted in what `compat/record.py` took from whole runs.
    fn suites() -> String {
        let mut section = String::from(
            "\n## The clients' own suites\n\n\
             Tests and sub-tests that pass on one node, by `make compat-all`; `compat/` holds the runners and, in `results/`, what came of\n\
             each test on either broker, of which this is counted by name. \"Besides\" did not pass on Apache Kafka, or was not run there.\n\
             The column of Apache Kafka was measured once, with an authorizer and SASL listeners (`compat/README.md`); that of Ottla is\n\
             whatever ran last. `compat/FINDINGS.md` has the reasons in full.\n\n\
             | suite | Apache Kafka 4.3.1 | Ottla, of these | besides | missing because |\n|---|---|---|---|---|\n",
        );
        for row in read(&compat().join("suites.tsv")).lines().filter(|row| !row.starts_with('#')) {
            let [suite, named, why] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
            let all = results(named);
            let count = |passes: &dyn Fn(bool, bool) -> bool| {
                all.iter().filter(|[_, kafka, ours]| passes(kafka == "PASS", ours == "PASS")).count()
            };
            let (kafka, both) = (count(&|kafka, _| kafka), count(&|kafka, ours| kafka && ours));
            let besides = count(&|kafka, ours| ours && !kafka);
            let _ = writeln!(section, "| {suite} | {kafka} | {both} | {besides} | {why} |");
        }
        section
    }

    #[test]
    fn what_must_pass_of_the_clients_suites_did_when_they_ran_last() {
        let mut lists = 0;
        let folders = fs::read_dir(compat()).expect("the folder of the suites");
        let folders = folders.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir());
        for list in folders.flat_map(|folder| fs::read_dir(folder).expect("a folder")) {
            let list = list.expect("an entry").path();
            let name = list.file_name().and_then(|name| name.to_str()).expect("a name");
            let Some(variant) = name.strip_prefix("tests").and_then(|rest| rest.strip_suffix(".allow")) else {
                continue;
            };
            let folder = list.parent().and_then(|folder| folder.file_name()?.to_str()).expect("a folder");
            let all = results(&format!("{folder}{variant}"));
            let passed: BTreeSet<&str> = all.iter().filter(|row| row[2] == "PASS").map(|row| &*row[0]).collect();
            let must = read(&list);
            for test in must.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
                assert!(
                    passed.contains(test),
                    "{folder}{variant}: {test} must pass, and compat/results says otherwise"
                );
            }
            lists += 1;
        }
        assert!(lists >= 13, "{lists} lists");
    }

    #[test]
    fn every_api_of_kafka_is_served_or_absent_and_none_is_named_wrongly() {
        assert!(KAFKA.windows(2).all(|pair| pair[0].0 < pair[1].0), "sorted by key, each once");
        for route in TABLE {
            let kafka = KAFKA.iter().find(|(key, ..)| *key == route.key as i16);
            let (_, name, min, max, _) = kafka.unwrap_or_else(|| panic!("{} is no API of Kafka", route.name));
            assert_eq!(route.name, *name);
            let is_all = (route.advertised_min, route.max) == (*min, *max);
            assert!(is_all || !note(route.key as i16).is_empty(), "{name}: versions that differ need a note");
        }
        let page = compatibility_page();
        let named: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" |").next()).collect();
        assert!(KAFKA.iter().all(|(_, name, ..)| named.contains(name)), "every subject has its section");
    }
}
