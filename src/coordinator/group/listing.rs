//! Which groups there are, of every kind.
use super::{GroupId, Groups, Members, Soft, classic::State};
use std::collections::BTreeSet;

/// What ListGroups asks for; empty: everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    pub states: Vec<String>,
    pub types: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    pub group: GroupId,
    pub protocol_type: String,
    pub state: &'static str,
    /// Kafka's name of the kind of group.
    pub kind: &'static str,
}

const CLASSIC: &str = "classic";

pub fn list(hard: &Groups, soft: &Soft, filter: &Filter) -> Vec<Listed> {
    let lower = |names: &[String]| names.iter().map(|name| name.trim().to_lowercase()).collect::<BTreeSet<_>>();
    let (states, types) = (lower(&filter.states), lower(&filter.types));
    let wanted = |names: &BTreeSet<String>, name: &str| names.is_empty() || names.contains(&name.to_lowercase());
    let live = |id: &GroupId| soft.classic.get(hard, id);
    let kept = hard.by_id.iter().map(|(id, group)| match (&group.members, live(id)) {
        (Members::Consumer(group), _) => Listed {
            group: id.clone(),
            protocol_type: "consumer".to_owned(),
            state: group.state().name(),
            kind: "consumer",
        },
        // Also of a group that has nothing but offsets so far, in its first rebalance.
        (_, Some(live)) => classic(id, live.protocol_type.as_deref().unwrap_or_default(), live.state),
        (Members::None, None) => classic(id, "", State::Empty),
        (Members::Classic(record), None) => {
            let from_record = if record.members.is_empty() { State::Empty } else { State::Stable };
            classic(id, &record.protocol_type, from_record)
        }
    });
    // Groups in their first rebalance have no record yet.
    let new = soft.classic.iter().filter(|(id, live)| !hard.by_id.contains_key(*id) && !live.is_idle());
    let new = new.map(|(id, live)| classic(id, live.protocol_type.as_deref().unwrap_or_default(), live.state));
    kept.chain(new).filter(|listed| wanted(&states, listed.state) && wanted(&types, listed.kind)).collect()
}

fn classic(group: &GroupId, protocol_type: &str, state: State) -> Listed {
    Listed { group: group.clone(), protocol_type: protocol_type.to_owned(), state: state.name(), kind: CLASSIC }
}
