//! SaslHandshake 0-1 (KIP-43, KIP-368) on a listener where nobody authenticates, which every listener here is: no mechanism is on offer and
//! none may be asked for, first or again. The connection goes on (pitfall 32).
use super::{Context, Reply};
use crate::types::ErrorCode;
use kafka_protocol::messages::{SaslHandshakeRequest, SaslHandshakeResponse};

pub fn handle(cx: &Context, _: SaslHandshakeRequest) -> Reply<SaslHandshakeResponse> {
    Reply::Now(SaslHandshakeResponse::default().with_error_code(cx.error(ErrorCode::IllegalSaslState)))
}
