//! What a producer with numbers says: its id, batches by sequence, the end of a transaction (transaction version 2).
use crate::{
    batch::{self, Numbers},
    fault::Fault,
    wire::{Answer, Api, Request},
};

const PRODUCE_VERSION: i16 = 12;
const ANSWER_WAIT_MS: i32 = 30_000;
const TRANSACTION_WAIT_MS: i32 = 60_000;

/// Who a producer is for the broker.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    pub id: i64,
    pub epoch: i16,
}

/// Asks for a producer id; a transactional id's open transaction is aborted by it.
pub fn init_request(transactional_id: Option<&str>) -> Vec<u8> {
    let request = Request::new(Api::InitProducerId);
    let request = match transactional_id {
        Some(id) => request.string(id),
        None => request.null_string(),
    };
    request.int32(TRANSACTION_WAIT_MS).finish()
}

pub fn init_answer(frame: &[u8]) -> Result<(i16, Identity), Fault> {
    let mut answer = Answer::new(frame, "InitProducerId")?;
    answer.int32()?;
    Ok((answer.int16()?, Identity { id: answer.int64()?, epoch: answer.int16()? }))
}

pub fn end_request(transactional_id: &str, producer: Identity) -> Vec<u8> {
    const COMMIT: i8 = 1;
    Request::flexible(Api::EndTxn, Api::EndTxn.version())
        .compact_bytes(transactional_id.as_bytes())
        .int64(producer.id)
        .int16(producer.epoch)
        .int8(COMMIT)
        .no_tags()
        .finish()
}

/// The error code, and who the producer is from now on.
pub fn end_answer(frame: &[u8]) -> Result<(i16, Identity), Fault> {
    let mut answer = Answer::flexible(frame, "EndTxn")?;
    answer.int32()?;
    Ok((answer.int16()?, Identity { id: answer.int64()?, epoch: answer.int16()? }))
}

/// A Produce request with one batch for each partition, made once; its numbers change from send to send.
pub struct Numbered {
    frame: Vec<u8>,
    /// Where each batch begins in the frame.
    batches: Vec<usize>,
    batch_bytes: usize,
    transactional: bool,
}

impl Numbered {
    pub fn new(transactional_id: Option<&str>, topic: &str, partitions: &[i32], batch: &[u8]) -> Numbered {
        let request = Request::flexible(Api::Produce, PRODUCE_VERSION);
        let request = match transactional_id {
            Some(id) => request.compact_bytes(id.as_bytes()),
            None => request.compact_null(),
        };
        let request = request.int16(-1).int32(ANSWER_WAIT_MS).compact(1).compact_bytes(topic.as_bytes());
        let mut request = request.compact(partitions.len());
        let mut batches = Vec::with_capacity(partitions.len());
        for partition in partitions {
            request = request.int32(*partition).compact(batch.len());
            batches.push(request.position());
            request = request.raw(batch).no_tags();
        }
        let frame = request.no_tags().no_tags().finish();
        Numbered { frame, batches, batch_bytes: batch.len(), transactional: transactional_id.is_some() }
    }

    /// The frame with every batch at `sequence`.
    pub fn with(&mut self, producer: Identity, sequence: i32) -> &[u8] {
        let numbers = Numbers {
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            sequence,
            transactional: self.transactional,
        };
        for at in &self.batches {
            batch::number(&mut self.frame[*at..at + self.batch_bytes], numbers);
        }
        &self.frame
    }

    pub fn record_bytes(&self) -> usize {
        self.batches.len() * self.batch_bytes
    }
}

/// The first error code of the partitions in an answer to [`Numbered`].
pub fn produce_answer(frame: &[u8]) -> Result<i16, Fault> {
    let mut answer = Answer::flexible(frame, "Produce")?;
    let mut first = 0;
    for _ in 0..answer.compact()? {
        answer.compact_bytes()?;
        for _ in 0..answer.compact()? {
            answer.int32()?;
            let code = answer.int16()?;
            first = if first == 0 { code } else { first };
            // Base offset, append time, log start.
            answer.take(24)?;
            for _ in 0..answer.compact()? {
                answer.int32()?;
                answer.compact_bytes()?;
                answer.tags()?;
            }
            answer.compact_bytes()?;
            answer.tags()?;
        }
        answer.tags()?;
    }
    Ok(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_batch_of_a_frame_carries_the_numbers() {
        let batch = batch::encode(2, 10, 1);
        let mut numbered = Numbered::new(Some("id"), "topic", &[3, 4], &batch);
        let frame = numbered.with(Identity { id: 7, epoch: 2 }, 40).to_vec();
        assert_eq!(numbered.record_bytes(), 2 * batch.len());
        for at in &numbered.batches {
            let one = &frame[*at..at + batch.len()];
            assert_eq!(one[22], 1 << 4);
            assert_eq!(one[43..57], [0, 0, 0, 0, 0, 0, 0, 7, 0, 2, 0, 0, 0, 40]);
            assert_ne!(one[17..21], batch[17..21], "sealed anew");
        }
        assert_eq!(frame.len() - 4, i32::from_be_bytes(frame[..4].try_into().unwrap()) as usize);
    }

    #[test]
    fn the_first_error_of_a_flexible_answer_is_read() {
        let mut frame = vec![0, 0, 0, 1, 0, 2, 2, b't', 3];
        for code in [0, 51] {
            frame.extend([0, 0, 0, 0, 0, code]);
            frame.extend([0; 24]);
            frame.extend([2, 0, 0, 0, 9, 2, b'x', 0, 2, b'y', 0]);
        }
        frame.extend([0, 0, 0, 0, 0, 0]);
        assert_eq!(produce_answer(&frame).unwrap(), 51);
        assert!(produce_answer(&frame[..40]).is_err());
    }
}
