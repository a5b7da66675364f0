//! DeleteGroups 0-2: groups without members go, with their offsets (KIP-229, GRP-22). Version 2 is flexible.
use super::{Context, Reply, errors};
use crate::{
    coordinator::group::{self, offsets},
    types::ErrorCode,
};
use futures_util::future::join_all;
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteGroupsResponse, delete_groups_response::DeletableGroupResult,
};
use std::collections::BTreeSet;

pub fn handle(cx: &Context, request: DeleteGroupsRequest) -> Reply<DeleteGroupsResponse> {
    let mut seen = BTreeSet::new();
    let named: Vec<_> = request.groups_names.into_iter().filter(|id| seen.insert(id.clone())).collect();
    let pending: Vec<_> = named
        .iter()
        .map(|id| {
            let request = group::Request::Offsets(offsets::Request::DeleteGroup(id.0.clone()));
            cx.broker.groups.submit(id, request)
        })
        .collect();
    let cx = cx.clone();
    Reply::later(async move {
        let codes = join_all(pending).await.into_iter().map(|reply| match reply {
            Ok(group::Reply::Offsets(offsets::Reply::GroupDeleted(code))) => code,
            Ok(_) => ErrorCode::UnknownServerError,
            Err(fault) => errors::coordinator(&fault),
        });
        let results = named
            .into_iter()
            .zip(codes)
            .map(|(id, code)| DeletableGroupResult::default().with_group_id(id).with_error_code(cx.error(code)));
        DeleteGroupsResponse::default().with_results(results.collect())
    })
}
