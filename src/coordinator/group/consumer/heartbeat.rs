//! A member's heartbeat: join or stay, see what changed, compute the target when it is due, take the next step.
use super::{
    Around, Refused, Stop,
    group::{Group, Partitions, without_epochs},
    member::{AWAY_EPOCH, Current, Member, MemberId, MemberState, Metadata},
    reconcile::Step,
    records::Records,
    request::{Heartbeat, HeartbeatReply},
    soft::{Round, Seen},
    subscription::Subscriptions,
    target::{self, Arriving},
};
use crate::{
    coordinator::group::{Cause, Soft},
    types::ErrorCode,
    wire::coordinator::GroupRecord,
};

/// A member that waits for others, or for the next target, comes back as soon as this: waiting for its usual
/// interval would make every rebalance take several of them.
const UNSETTLED_INTERVAL_MS: i32 = 500;

/// Expressions matched against all topics anew for one heartbeat, whose sender waits for it.
const PATTERNS_AT_ONCE_MAX: usize = 16;

/// Who is heard, as the group knows it before.
pub(super) struct Sender<'a> {
    pub id: MemberId,
    /// A member that is new has nothing.
    pub member: Member,
    pub is_new: bool,
    /// The member that it was: itself, or a static member of another id.
    pub was: Option<&'a MemberId>,
    /// Whether this takes it a step further; a member of the classic protocol moves on when it joins again.
    pub moves: bool,
    /// Why it joins, in its own words.
    pub words: String,
}

impl<'a> Sender<'a> {
    /// A member of the consumer protocol.
    fn new(id: MemberId, member: Member, is_new: bool, was: Option<&'a MemberId>) -> Sender<'a> {
        Sender { id, member, is_new, was, moves: true, words: String::new() }
    }

    /// A static member that came back under another id.
    pub fn takes_over(&self) -> bool {
        self.was.is_some_and(|was| *was != self.id)
    }
}

/// The group as this heartbeat leaves it.
pub(super) struct After {
    pub current: Current,
    pub target_epoch: i32,
    pub epoch: i32,
}

pub(super) fn heartbeat(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    ask: &Heartbeat,
) -> Result<(Vec<GroupRecord>, HeartbeatReply), Stop> {
    let id: MemberId =
        if ask.member_id.is_empty() { around.fresh.to_string().into() } else { ask.member_id.as_str().into() };
    check_room(group, &id, ask.instance_id.as_deref(), around)?;
    let sender = sender(group, id, ask)?;
    let metadata = ask.over(&sender.member.metadata);
    let seen = soft.consumer.seen.get(around.group);
    let told = sender.is_new || sender.takes_over() || metadata != sender.member.metadata;
    let is_quiet = !told
        && group.epoch <= group.assignment_epoch
        && sender.member.current.is_settled(group.assignment_epoch)
        && seen.is_some_and(|seen| !seen.is_stale(around));
    let mut records = Records::of(around.group);
    let after = if is_quiet {
        After { current: sender.member.current.clone(), target_epoch: group.assignment_epoch, epoch: group.epoch }
    } else {
        match decide(group, soft, around, ask.owned.as_ref(), &sender, &metadata, &mut records) {
            Err(Stop::Unmatched(texts)) => {
                // It was heard of, however long that may take.
                if !sender.is_new {
                    super::soft::keep_alive(soft, around, &sender.id, &sender.member.metadata);
                }
                return Err(Stop::Unmatched(texts));
            }
            decided => decided?,
        }
    };
    set_timers(soft, around, &sender, &metadata, &after.current);
    let assigned_changed = after.current.assigned != sender.member.current.assigned;
    // It lost an answer and began with what it was told before that: it must hear that it is no longer so.
    let is_astray = ask.owned.as_ref().is_some_and(|owned| !after.current.knows(owned));
    let reply = HeartbeatReply {
        member_id: sender.id.to_string(),
        member_epoch: after.current.epoch,
        heartbeat_interval_ms: interval_ms(group, around, &sender.member.current, &after),
        assignment: (ask.joins() || ask.is_full() || assigned_changed || is_astray)
            .then(|| without_epochs(&after.current.assigned)),
    };
    Ok((records.written, reply))
}

/// GROUP_MAX_SIZE_REACHED; who takes a static member's place makes no group larger.
pub(super) fn check_room(
    group: &Group,
    id: &MemberId,
    instance_id: Option<&str>,
    around: &Around<'_>,
) -> Result<(), Refused> {
    let is_known = group.members.contains_key(id)
        || instance_id.is_some_and(|instance| group.index.statics.contains_key(instance));
    let members_max = around.settings.consumer.members_max;
    if is_known || group.members.len() < members_max {
        return Ok(());
    }
    let why = format!("the group has {members_max} members, as many as it may");
    Err(Refused::new(ErrorCode::GroupMaxSizeReached, why))
}

/// CG-2 for dynamic members, CG-7 for static ones.
fn sender<'a>(group: &'a Group, id: MemberId, ask: &Heartbeat) -> Result<Sender<'a>, Refused> {
    let Some(instance) = &ask.instance_id else {
        return match group.members.get_key_value(&id) {
            Some((was, member)) => {
                check_epoch(&member.current, ask)?;
                Ok(Sender::new(id, member.clone(), false, Some(was)))
            }
            None if ask.joins() => Ok(Sender::new(id, Member::default(), true, None)),
            None => Err(unknown(&id)),
        };
    };
    let known = group.index.statics.get(instance).and_then(|id| group.members.get_key_value(id));
    match known {
        None if ask.joins() => {
            let existing = group.members.get_key_value(&id);
            let member = existing.map(|(_, member)| member.clone()).unwrap_or_default();
            Ok(Sender::new(id, member, existing.is_none(), existing.map(|(was, _)| was)))
        }
        None => {
            let why = format!("no member has the instance id {instance}");
            Err(Refused::new(ErrorCode::UnknownMemberId, why))
        }
        Some((owner, member)) if ask.joins() => {
            if member.current.epoch != AWAY_EPOCH && member.metadata.classic.is_none() {
                let why = format!("the instance id {instance} is that of member {owner}, which has not left");
                return Err(Refused::new(ErrorCode::UnreleasedInstanceId, why));
            }
            let mut member = member.clone();
            (member.current.epoch, member.current.previous_epoch) = (0, 0);
            Ok(Sender::new(id, member, false, Some(owner)))
        }
        Some((owner, member)) => {
            check_instance(owner, &id, instance)?;
            check_epoch(&member.current, ask)?;
            Ok(Sender::new(id, member.clone(), false, Some(owner)))
        }
    }
}

pub(super) fn unknown(id: &str) -> Refused {
    Refused::new(ErrorCode::UnknownMemberId, format!("the group has no member {id}"))
}

pub(super) fn check_instance(owner: &str, id: &str, instance: &str) -> Result<(), Refused> {
    if owner == id {
        return Ok(());
    }
    let why = format!("the instance id {instance} is now that of member {owner}");
    Err(Refused::new(ErrorCode::FencedInstanceId, why))
}

/// CG-2: the epoch it was told last, or the one before if the answer was lost and it has nothing that it lost since.
fn check_epoch(current: &Current, ask: &Heartbeat) -> Result<(), Refused> {
    let (told, is) = (ask.member_epoch, current.epoch);
    let lost_answer =
        told < is && told == current.previous_epoch && ask.owned.as_ref().is_some_and(|owned| current.has_all(owned));
    if ask.joins() || told == is || lost_answer {
        return Ok(());
    }
    let why = format!("the member's epoch is {is}, not {told}: it must give up its partitions and rejoin");
    Err(Refused::new(ErrorCode::FencedMemberEpoch, why))
}

/// All that may follow from something that changed.
pub(super) fn decide(
    group: &Group,
    soft: &mut Soft,
    around: &Around<'_>,
    owned: Option<&Partitions>,
    sender: &Sender<'_>,
    metadata: &Metadata,
    records: &mut Records<'_>,
) -> Result<After, Stop> {
    let before = &sender.member;
    let mut seen = soft.consumer.seen.get(around.group).cloned().unwrap_or_default();
    let counted = counted(group, sender);
    let mut subscriptions = Subscriptions::new(group, counted, Some(metadata));
    if sender.takes_over() {
        take_over(group, sender, records);
    }
    if sender.is_new || *metadata != before.metadata {
        records.metadata(&sender.id, metadata);
    }
    let patterns_changed = resolve(&mut subscriptions, &mut seen, around, records)?;
    let metadata_hash = subscriptions.hash(around.image, &mut soft.consumer.topics);
    let subscription_changed =
        metadata.topics != before.metadata.topics || metadata.pattern() != before.metadata.pattern();
    let arriving = Member { metadata: metadata.clone(), current: before.current.clone() };
    let arriving = Arriving { id: &sender.id, member: &arriving, replaces: sender.was };
    let assignor_before = target::chosen(group, None, None, around);
    let assignor_changed = target::assignor(group, &arriving, around) != assignor_before;
    let mut epoch = group.epoch;
    let asks_anew = asks_anew(group, &before.metadata, metadata) || subscription_changed && patterns_changed;
    let cause = match (asks_anew, assignor_changed) {
        (true, _) if sender.is_new => Some(Cause::Joined),
        (true, _) => Some(Cause::SubscriptionChanged),
        (false, true) => Some(Cause::AssignorChanged),
        (false, false) => (patterns_changed || metadata_hash != group.metadata_hash).then_some(Cause::TopicsChanged),
    };
    if cause.is_some() {
        epoch += 1;
        records.epoch(epoch, metadata_hash);
        if group.has_partition_metadata {
            records.partition_metadata_gone();
        }
    }
    let (target_epoch, target) = if group.assignment_epoch < epoch && target::is_due(group, around) {
        (epoch, target::compute(group, &arriving, &subscriptions, epoch, around, records))
    } else {
        let had = sender.was.and_then(|was| group.target_of(was)).cloned();
        (group.assignment_epoch, had.unwrap_or_default())
    };
    let mut current = before.current.clone();
    if sender.moves && (subscription_changed || !current.is_settled(target_epoch)) {
        let subscribed = subscriptions.topic_ids(&arriving.member.metadata, around.image);
        let target = &*target;
        let is_free = |topic, partition| group.is_free(topic, partition);
        let step = Step { target_epoch, target, subscribed: &subscribed, subscription_changed, owned, is_free };
        current = step.of(&current)?;
        if current != before.current || sender.is_new {
            records.current(&sender.id, &current);
        }
    }
    soft.consumer.seen.insert(around.group.clone(), seen);
    if let Some(cause) = cause {
        let whose = if cause == Cause::TopicsChanged { "" } else { &*sender.id };
        let why = around.rebalance(group.epoch, whose, cause, sender.words.clone());
        soft.consumer.remember(around.group, why);
    }
    Ok(After { current, target_epoch, epoch })
}

/// Whether the member asks for other topics than before. A new expression does once it stands for some.
fn asks_anew(group: &Group, before: &Metadata, after: &Metadata) -> bool {
    let is_resolved = || after.pattern().is_none_or(|text| group.patterns.contains_key(text));
    after.topics != before.topics || after.pattern() != before.pattern() && is_resolved()
}

/// What the group counts of the sender so far.
fn counted<'a>(group: &'a Group, sender: &Sender<'_>) -> Vec<&'a Metadata> {
    let mut ids: Vec<&MemberId> = sender.was.into_iter().collect();
    if sender.takes_over() {
        ids.push(&sender.id);
    }
    ids.into_iter().filter_map(|id| Some(&group.members.get(id)?.metadata)).collect()
}

/// A static member under its new id: all that it had is its own again, its target too, so that nothing moves.
fn take_over(group: &Group, sender: &Sender<'_>, records: &mut Records<'_>) {
    let Some(was) = sender.was else { return };
    records.member_gone(was);
    let target = group.target_of(was).cloned().unwrap_or_default();
    records.member(&sender.id, &sender.member, &target);
}

fn resolve(
    subscriptions: &mut Subscriptions<'_>,
    seen: &mut Seen,
    around: &Around<'_>,
    records: &mut Records<'_>,
) -> Result<bool, Stop> {
    subscriptions.forget_unused(records);
    seen.image = around.image.at();
    if !subscriptions.has_patterns() {
        (seen.resolved, seen.round) = (None, None);
        return Ok(false);
    }
    seen.has_patterns = true;
    let Some(matched) = around.matched else { return Ok(false) };
    let is_stale = seen.patterns_are_stale(around);
    let round = seen.round.take().or_else(|| is_stale.then(|| Round::begin(around, matched)));
    let last = round.as_ref().and_then(|round| round.last.as_deref());
    let due = if round.is_some() { subscriptions.patterns_behind(last, PATTERNS_AT_ONCE_MAX) } else { vec![] };
    let changed = subscriptions.resolve(matched, around.at.wall_ms, &due, records)?;
    match round {
        Some(Round { topics, at_ms, .. }) if due.len() < PATTERNS_AT_ONCE_MAX => {
            seen.resolved = Some((topics, at_ms));
        }
        Some(round) => seen.round = Some(Round { last: due.last().map(|text| (*text).to_owned()), ..round }),
        // What a new one stands for was found among other topics than there are now: all once more.
        None if subscriptions.has_resolved() && !matched.is_of(around.image) => seen.resolved = None,
        None => {}
    }
    Ok(changed)
}

fn set_timers(soft: &mut Soft, around: &Around<'_>, sender: &Sender<'_>, metadata: &Metadata, after: &Current) {
    if let Some(was) = sender.was.filter(|was| **was != sender.id) {
        super::soft::cancel(soft, around.group, was);
    }
    if sender.member.metadata.classic.is_some() {
        super::soft::end_classic(soft, around.group, &sender.id);
    }
    super::soft::keep_alive(soft, around, &sender.id, metadata);
    if *after != sender.member.current || sender.is_new {
        super::soft::await_revocation(soft, around, &sender.id, metadata, after);
    }
}

/// When the member shall come back: soon after a step, and while it waits. In whole steps, so that a heartbeat sent twice
/// is answered twice the same.
fn interval_ms(group: &Group, around: &Around<'_>, before: &Current, after: &After) -> i32 {
    let usual = around.limits.heartbeat_interval_ms;
    if after.epoch > after.target_epoch {
        let steps = i32::try_from(target::until_due_ms(group, around).div_ceil(UNSETTLED_INTERVAL_MS as u64).max(1));
        return steps.map_or(usual, |steps| steps.saturating_mul(UNSETTLED_INTERVAL_MS)).min(usual);
    }
    match after.current.state {
        // A member of the classic protocol gives way when its own next heartbeat and round have told it to: asking often wins little.
        MemberState::Unreleased if group.index.classic == 0 => UNSETTLED_INTERVAL_MS.min(usual),
        // Who came shortly before it may have to give way to who comes shortly after; who has nothing has no way to give.
        MemberState::Stable
            if before.epoch != after.current.epoch
                && around.limits.assignment_interval_ms > 0
                && !after.current.assigned.is_empty() =>
        {
            (around.limits.assignment_interval_ms.saturating_add(1)).min(usual)
        }
        _ => usual,
    }
}
