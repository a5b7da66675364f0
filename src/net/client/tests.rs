//! The client against small servers that answer by script.
use super::*;
use crate::wire::messages::{MetadataRequest, MetadataResponse, api_versions_response::ApiVersion, *};
use tokio::net::TcpListener;

/// Answers each request by `script(number, key, version, correlation id)` with bytes to send; `None` closes.
async fn serve(script: impl Fn(usize, i16, Version, i32) -> Option<Vec<u8>> + Send + 'static) -> BrokerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut frames = FrameReader::new(1 << 20);
        let mut number = 0;
        loop {
            while let Some(frame) = frames.take().unwrap() {
                let (key, version, correlation_id) = crate::wire::RequestHeader::peek(&frame).unwrap();
                let Some(bytes) = script(number, key, version, correlation_id) else { return };
                socket.write_all(&bytes).await.unwrap();
                number += 1;
            }
            if socket.read_buf(frames.room()).await.unwrap_or(0) == 0 {
                return;
            }
        }
    });
    BrokerAddress { host: "127.0.0.1".to_owned(), port }
}

fn frame<T: Encodable>(key: ApiKey, version: Version, correlation_id: i32, answer: &T) -> Vec<u8> {
    crate::wire::encode_response(key, version, correlation_id, answer).unwrap().to_vec()
}

fn versions(version: Version, correlation_id: i32, metadata: (Version, Version)) -> Vec<u8> {
    let api = |key, (min, max)| ApiVersion::default().with_api_key(key).with_min_version(min).with_max_version(max);
    let apis = vec![api(ApiKey::Metadata as i16, metadata), api(ApiKey::ApiVersions as i16, (0, 4))];
    frame(ApiKey::ApiVersions, version, correlation_id, &ApiVersionsResponse::default().with_api_keys(apis))
}

fn metadata(version: Version, correlation_id: i32, controller: i32) -> Vec<u8> {
    let answer = MetadataResponse::default().with_controller_id(BrokerId(controller));
    frame(ApiKey::Metadata, version, correlation_id, &answer)
}

fn settings() -> ClientSettings {
    ClientSettings { request_timeout: Duration::from_millis(300), ..ClientSettings::default() }
}

#[tokio::test]
async fn the_highest_version_both_speak_is_taken() {
    let address = serve(|_, key, version, id| match key {
        18 => Some(versions(version, id, (0, 5))),
        _ => Some(metadata(version, id, i32::from(version))),
    });
    let client = Client::open(&address.await, &settings()).await.unwrap();
    assert_eq!(client.version_of::<MetadataRequest>().unwrap(), 5);
    assert_eq!(client.version_up_to::<MetadataRequest>(3).unwrap(), 3);
    let answer = client.ask(&MetadataRequest::default().with_allow_auto_topic_creation(true)).await.unwrap();
    assert_eq!(answer.controller_id.0, 5);
    let missing = client.version_of::<CreateTopicsRequest>().unwrap_err().to_string();
    assert!(missing.ends_with("does not serve CreateTopics in a version this client speaks (2 to 7); it offers none"));
}

#[tokio::test]
async fn versions_that_do_not_meet_are_an_error() {
    let address = serve(|_, _, version, id| Some(versions(version, id, (14, 20)))).await;
    let client = Client::open(&address, &settings()).await.unwrap();
    let error = client.ask(&MetadataRequest::default()).await.unwrap_err().to_string();
    assert!(error.contains("(0 to 13); it offers 14 to 20"), "{error}");
}

#[tokio::test]
async fn a_broker_that_does_not_know_our_api_versions_is_asked_at_version_0() {
    let address = serve(|number, key, version, id| match (number, key) {
        (0, _) => {
            assert_eq!(version, 4);
            let refusal = ApiVersionsResponse::default().with_error_code(ErrorCode::UnsupportedVersion.code());
            Some(frame(ApiKey::ApiVersions, 0, id, &refusal))
        }
        (1, _) => {
            assert_eq!(version, 0);
            Some(versions(0, id, (0, 1)))
        }
        _ => None,
    });
    let client = Client::open(&address.await, &settings()).await.unwrap();
    assert_eq!(client.version_of::<MetadataRequest>().unwrap(), 1);
}

#[tokio::test]
async fn answers_find_their_askers_in_any_order() {
    let address = serve(|number, key, version, id| match (number, key) {
        (_, 18) => Some(versions(version, id, (9, 9))),
        // The first waits until the second is there; then both are answered, the later one first.
        (1, _) => Some(Vec::new()),
        _ => Some([metadata(version, id, 2), metadata(version, id - 1, 1)].concat()),
    });
    let client = Client::open(&address.await, &settings()).await.unwrap();
    let request = MetadataRequest::default();
    let first = client.begin(&request, 9).await.unwrap();
    let second = client.begin(&request, 9).await.unwrap();
    assert_eq!(first.answer().await.unwrap().controller_id.0, 1);
    assert_eq!(second.answer().await.unwrap().controller_id.0, 2);
}

#[tokio::test]
async fn a_late_answer_is_a_timeout_and_harms_no_other() {
    let address = serve(|number, key, version, id| match (number, key) {
        (_, 18) => Some(versions(version, id, (9, 9))),
        (1, _) => Some(Vec::new()),
        _ => Some([metadata(version, id - 1, 1), metadata(version, id, 2)].concat()),
    });
    let client = Client::open(&address.await, &settings()).await.unwrap();
    let error = client.ask(&MetadataRequest::default()).await.unwrap_err();
    assert!(error.is_timeout() && error.to_string().contains("Metadata within 300 ms"), "{error}");
    assert_eq!(client.ask(&MetadataRequest::default()).await.unwrap().controller_id.0, 2);
}

#[tokio::test]
async fn a_closed_connection_wakes_whoever_waits() {
    let address = serve(|_, key, version, id| (key == 18).then(|| versions(version, id, (9, 9)))).await;
    let client = Client::open(&address, &settings()).await.unwrap();
    for _ in 0..2 {
        let error = client.ask(&MetadataRequest::default()).await.unwrap_err();
        assert!(matches!(error, ClientError::Closed { .. }), "{error}");
    }
}

#[tokio::test]
async fn net_1_answers_are_bounded_and_foreign_protocols_recognised() {
    for (bytes, expected) in [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], "it speaks HTTP"),
        (&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x46], "it expects TLS"),
        (&[0x09, 0, 0, 0, 1], "more than the 134217728"),
        (&[0xFF, 0xFF, 0xFF, 0xFF], "no Kafka frames"),
        (&[0, 0, 0, 2, 1, 1], "without a correlation id"),
        (&[0, 0, 0, 4, 0, 0, 0, 9], "a request never sent"),
        (&[0, 0, 0, 6, 0, 0, 0, 0, 0, 0], "do not decode"),
        (&[0, 0, 0, 11, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F], "do not decode"),
    ] {
        let address = serve(move |_, _, _, _| Some(bytes.to_vec())).await;
        let error = Client::open(&address, &settings()).await.err().expect("no Kafka broker").to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn the_bootstrap_list_is_tried_to_its_end() {
    let up = serve(|_, _, version, id| Some(versions(version, id, (0, 5)))).await;
    let down = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let down = BrokerAddress { host: "127.0.0.1".to_owned(), port: down };
    assert_eq!(Client::open_any(&[down.clone(), up.clone()], &settings()).await.unwrap().address(), &up);
    let error = Client::open_any(std::slice::from_ref(&down), &settings()).await.err().unwrap().to_string();
    let expected =
        format!("cannot connect to {down}: connection refused: is the broker running? start one with `ottla`");
    assert_eq!(error, expected);
}
