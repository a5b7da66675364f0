//! Starts that must not be: one clear line each, with the way out, and the right exit code.
use crate::child::{Child, command, free_port, refused};
use std::path::Path;

fn serve(directory: &Path, overrides: &[&str]) -> (i32, String) {
    let mut arguments = vec!["serve", "-o", "ottla.http.listen=off"];
    arguments.extend(overrides.iter().flat_map(|setting| ["-o", setting]));
    refused(command(directory, &arguments))
}

#[test]
fn a_second_broker_on_the_same_directory_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let first = Child::serve(directory.path(), free_port(), &[]);
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", free_port());
    let (code, said) = serve(directory.path(), &[&listeners, "log.dirs=data"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("data") && said.contains("log.dirs") && said.lines().count() == 1, "{said}");
    first.stop();
}

#[test]
fn one_directory_under_two_names_is_told_as_that() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("there")).unwrap();
    std::os::unix::fs::symlink("there", directory.path().join("link")).unwrap();
    let absolute = |name: &str| directory.path().join(name).display().to_string();
    for (one, other) in [
        ("there".to_owned(), "there/".to_owned()),
        ("there".to_owned(), "link".to_owned()),
        ("link/new".to_owned(), absolute("there/new")),
        ("new".to_owned(), absolute("new/")),
        (absolute("new"), "./new".to_owned()),
    ] {
        let (code, said) = serve(directory.path(), &[&format!("log.dirs=other,{one},{other}")]);
        assert_eq!(code, 2, "{said}");
        // Names are told without a slash at the end.
        let (one, other) = (one.trim_end_matches('/'), other.trim_end_matches('/'));
        assert!(said.contains(&format!("log.dirs: {one} and {other} are the same directory")), "{said}");
    }
    let (code, said) = serve(directory.path(), &["log.dirs=there", "metadata.log.dir=link"]);
    assert!(code == 2 && said.contains("there and link are the same directory"), "{said}");
    assert!(!directory.path().join("other").exists(), "nothing was formatted");
}

#[test]
fn a_port_in_use_is_refused_and_nothing_is_formatted() {
    let directory = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{}", taken.local_addr().unwrap().port());
    let (code, said) = serve(directory.path(), &[&listeners]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("is in use") && said.contains("--override listeners="), "{said}");
    assert!(!directory.path().join("ottla-data").exists());
}

#[test]
fn directories_of_another_cluster_or_node_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let port = free_port();
    Child::serve(directory.path(), port, &["cluster.id=4L6g3nShT-eMCtK--X86sw"]).stop();
    let listeners = format!("listeners=PLAINTEXT://127.0.0.1:{port}");
    let (code, said) = serve(directory.path(), &[&listeners, "log.dirs=data", "cluster.id=5L6g3nShT-eMCtK--X86sw"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("belongs to cluster 4L6g3nShT-eMCtK--X86sw"), "{said}");
    let (code, said) = serve(directory.path(), &[&listeners, "log.dirs=data", "node.id=9"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("belongs to node 1, this broker is node 9") && said.contains("node.id=1"), "{said}");
    // What was refused has changed nothing.
    Child::serve(directory.path(), port, &[]).stop();
}

#[test]
fn settings_that_nobody_knows_end_the_start_with_what_was_meant() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = serve(directory.path(), &["log.retention.hour=24"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("log.retention.hour") && said.contains("did you mean log.retention.hours"), "{said}");
    let (code, said) = serve(directory.path(), &["num.partitions=many"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("num.partitions") && said.contains("many"), "{said}");
    let (code, said) = refused(command(directory.path(), &["serve", "missing.properties"]));
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("missing.properties"), "{said}");
    assert_eq!(refused(command(directory.path(), &["serve", "--overide", "a=b"])).0, 2);
    assert!(!directory.path().join("ottla-data").exists(), "nothing was formatted");
}

#[test]
fn a_listener_whose_host_has_no_address_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (code, said) = serve(directory.path(), &["listeners=PLAINTEXT://no-such-host.invalid:9092"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no-such-host.invalid"), "{said}");
}
