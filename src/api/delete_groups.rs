//! DeleteGroups 0-2: groups without members go, with their offsets (KIP-229, GRP-22). Version 2 is flexible.
use super::{Context, Reply, errors};
use crate::{
    coordinator::group::{self, offsets},
    types::ErrorCode,
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, GroupId, delete_groups_response::DeletableGroupResult,
};
use std::{collections::BTreeSet, future::Future};

pub fn handle(cx: &Context, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
    let mut seen = BTreeSet::new();
    let named: Vec<_> = request.groups_names.into_iter().filter(|id| seen.insert(id.clone())).collect();
    let pending: Vec<_> = named.iter().map(|id| delete(cx, id)).collect();
    let cx = cx.clone();
    Reply::later(async move {
        let codes = join_all(pending).await;
        let results = named
            .into_iter()
            .zip(codes)
            .map(|(id, code)| DeletableGroupResult::default().with_group_id(id).with_error_code(cx.error(code)));
        DeleteGroupsResponse::default().with_results(results.collect())
    })
}

/// The first part at once, further ones of a group with very many offsets one after the other.
fn delete(cx: &Context, id: &GroupId) -> impl Future<Output = ErrorCode> + Send + use<> {
    let (cx, id) = (cx.clone(), id.clone());
    let submit = move || {
        let request = group::Request::Offsets(offsets::Request::DeleteGroup(id.0.clone()));
        cx.broker.groups.submit(&id, request)
    };
    let mut pending = submit();
    async move {
        let mut is_first = true;
        loop {
            match pending.await {
                Ok(group::Reply::Offsets(offsets::Reply::More)) => (pending, is_first) = (submit(), false),
                // Somebody else did the rest.
                Ok(group::Reply::Offsets(offsets::Reply::GroupDeleted(ErrorCode::GroupIdNotFound))) if !is_first => {
                    return ErrorCode::None;
                }
                Ok(group::Reply::Offsets(offsets::Reply::GroupDeleted(code))) => return code,
                Ok(_) => return ErrorCode::UnknownServerError,
                Err(fault) => return errors::coordinator(&fault),
            }
        }
    }
}
