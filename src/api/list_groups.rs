//! ListGroups 0-5: every group that this broker coordinates. Version 3 is flexible, 4 filters by state (KIP-518), 5 by
//! kind (KIP-848).
use super::{Context, Reply, errors, groups};
use crate::{
    coordinator::{
        CoordinatorError,
        group::{self, listing},
    },
    types::ErrorCode,
    wire::StrBytes,
};
use kafka_protocol::messages::{GroupId, ListGroupsRequest, ListGroupsResponse, list_groups_response::ListedGroup};

pub fn handle(cx: &Context, request: ListGroupsRequest) -> Reply<ListGroupsResponse> {
    let names = |names: &[StrBytes]| names.iter().map(|name| name.to_string()).collect();
    let filter = listing::Filter { states: names(&request.states_filter), types: names(&request.types_filter) };
    let asked = cx.broker.groups.submit_all(|| group::Request::List(filter.clone()));
    let cx = cx.clone();
    Reply::later(async move {
        match gather(asked.await) {
            Ok(listed) => answer(&listed),
            Err(code) => ListGroupsResponse::default().with_error_code(cx.error(code)),
        }
    })
}

/// All groups, or the first error. Who lost a partition meanwhile has no groups there.
fn gather(replies: Vec<Result<group::Reply, CoordinatorError>>) -> Result<Vec<listing::Listed>, ErrorCode> {
    let mut all = Vec::new();
    for reply in replies {
        match reply {
            Ok(group::Reply::Listed(listed)) => all.extend(listed),
            Ok(other) => return groups::unexpected("ListGroups", &other, Err),
            Err(fault) => match errors::coordinator(&fault) {
                ErrorCode::NotCoordinator => {}
                code => return Err(code),
            },
        }
    }
    Ok(all)
}

fn answer(listed: &[listing::Listed]) -> ListGroupsResponse {
    let listed = listed.iter().map(|listed| {
        ListedGroup::default()
            .with_group_id(GroupId(groups::text(&listed.group)))
            .with_protocol_type(StrBytes::from_string(listed.protocol_type.clone()))
            .with_group_state(StrBytes::from_static_str(listed.state))
            .with_group_type(StrBytes::from_static_str(listed.kind))
    });
    ListGroupsResponse::default().with_groups(listed.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api::tests_of_versions::encodes, machine::NotWritten};
    use kafka_protocol::messages::ApiKey;

    fn listed(group: &str) -> listing::Listed {
        listing::Listed { group: group.into(), protocol_type: "consumer".into(), state: "Stable", kind: "classic" }
    }

    #[test]
    fn answers_are_encoded_at_every_version() {
        for version in 0..=5 {
            encodes(ApiKey::ListGroups, version, &answer(&[listed("g")]));
        }
    }

    #[test]
    fn partitions_that_went_elsewhere_have_no_groups_here_and_other_errors_are_told() {
        let one = || Ok(group::Reply::Listed(vec![listed("a")]));
        assert_eq!(gather(vec![one(), Err(CoordinatorError::NotCoordinator), one()]).map(|all| all.len()), Ok(2));
        let lost = Err(CoordinatorError::NotWritten(NotWritten::NotLeader));
        assert_eq!(gather(vec![lost, one()]).map(|all| all.len()), Ok(1));
        let loading = Err(CoordinatorError::Loading);
        assert_eq!(gather(vec![one(), loading]), Err(ErrorCode::CoordinatorLoadInProgress));
    }
}
