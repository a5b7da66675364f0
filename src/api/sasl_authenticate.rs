//! SaslAuthenticate 0-2 (KIP-152, KIP-368) on a listener where nobody authenticates: whatever the token, it proves nothing and no session
//! begins (pitfall 33).
use super::{Context, Reply, reply};
use crate::types::ErrorCode;
use kafka_protocol::messages::{SaslAuthenticateRequest, SaslAuthenticateResponse};

pub fn handle(cx: &Context, _: SaslAuthenticateRequest) -> Reply<SaslAuthenticateResponse> {
    let why = "nobody authenticates on this listener".to_owned();
    let answer = SaslAuthenticateResponse::default().with_error_message(Some(reply::message(why)));
    Reply::Now(answer.with_error_code(cx.error(ErrorCode::IllegalSaslState)))
}
