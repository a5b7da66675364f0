//! DeleteTopics 1-6. Version 4 is flexible, 5 adds a message, 6 allows topic ids (KIP-516).
use super::{Context, Reply, patience::within, reply};
use crate::{
    controller::{Refused, TopicDeleted, TopicSelector},
    types::{ErrorCode, TopicId, TopicName},
    wire::StrBytes,
};
use kafka_protocol::messages::{
    DeleteTopicsRequest, DeleteTopicsResponse, delete_topics_response::DeletableTopicResult,
};

pub fn handle(cx: &Context, request: DeleteTopicsRequest) -> Reply<DeleteTopicsResponse> {
    let mut answers = Vec::new();
    let mut selectors = Vec::new();
    if cx.version >= 6 {
        for topic in &request.topics {
            match (&topic.name, topic.topic_id.is_nil()) {
                (Some(name), true) => selectors.push(TopicSelector::Name(name.as_str().to_owned())),
                (None, false) => selectors.push(TopicSelector::Id(TopicId(topic.topic_id))),
                (name, _) => {
                    let message = match name {
                        Some(_) => "You may not specify both topic name and topic id.",
                        None => "Neither topic name nor id were specified.",
                    };
                    let refused = Refused::new(ErrorCode::InvalidRequest, message);
                    let name = name.as_ref().map(|name| name.as_str().to_owned());
                    answers.push(TopicDeleted { name, id: TopicId(topic.topic_id), result: Err(refused) });
                }
            }
        }
    } else {
        selectors.extend(request.topic_names.iter().map(|name| TopicSelector::Name(name.to_string())));
    }
    let (cx, timeout_ms) = (cx.clone(), request.timeout_ms);
    Reply::later(async move {
        let deleting = within(timeout_ms, cx.broker.controller.delete_topics(selectors.clone()));
        match deleting.await {
            Ok(deleted) => {
                let gone = deleted.iter().filter(|topic| topic.result.is_ok());
                cx.broker.just_deleted.note(gone.filter_map(|topic| TopicName::parse(topic.name.as_ref()?).ok()));
                answers.extend(deleted);
            }
            Err(refused) => answers.extend(selectors.into_iter().map(|selector| {
                let (name, id) = match selector {
                    TopicSelector::Name(name) => (Some(name), TopicId::ZERO),
                    TopicSelector::Id(id) => (None, id),
                };
                TopicDeleted { name, id, result: Err(refused.clone()) }
            })),
        }
        DeleteTopicsResponse::default().with_responses(answers.into_iter().map(|answer| result(&cx, answer)).collect())
    })
}

fn result(cx: &Context, deleted: TopicDeleted) -> DeletableTopicResult {
    // Only version 6 has a name that may be missing and an id.
    let name = if cx.version >= 6 { deleted.name } else { Some(deleted.name.unwrap_or_default()) };
    let blank = DeletableTopicResult::default().with_name(name.map(|name| StrBytes::from_string(name).into()));
    let blank = if cx.version >= 6 { blank.with_topic_id(deleted.id.0) } else { blank };
    let Err(refused) = deleted.result else { return blank };
    // Older clients do not know that deletion can be switched off.
    let code = match refused.code {
        ErrorCode::TopicDeletionDisabled if cx.version < 3 => ErrorCode::InvalidRequest,
        code => code,
    };
    let told = blank.with_error_code(cx.error(code));
    if cx.version >= 5 { told.with_error_message(Some(reply::message(refused.message))) } else { told }
}
