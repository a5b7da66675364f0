//! Random bytes: topic ids, cluster ids, fetch session ids.
use parking_lot::Mutex;
use uuid::Uuid;

pub trait Chance: Send + Sync {
    fn u64(&self) -> u64;

    /// A random (version 4) UUID.
    fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes((u128::from(self.u64()) << 64 | u128::from(self.u64())).to_be_bytes())
            .into_uuid()
    }
}

/// Random numbers that nobody can guess: from a generator of each thread that the operating system's numbers seed.
pub struct SystemChance;

impl Chance for SystemChance {
    #[expect(clippy::disallowed_methods, reason = "the one door to the system's random numbers")]
    fn u64(&self) -> u64 {
        (Uuid::new_v4().as_u128() >> 64 ^ Uuid::new_v4().as_u128()) as u64
    }

    /// One number instead of four.
    #[expect(clippy::disallowed_methods, reason = "the one door to the system's random numbers")]
    fn uuid(&self) -> Uuid {
        Uuid::new_v4()
    }
}

/// Numbers from a seed (SplitMix64): the same seed, the same run.
pub struct SeededChance(Mutex<u64>);

impl SeededChance {
    pub fn new(seed: u64) -> SeededChance {
        SeededChance(Mutex::new(seed))
    }
}

impl Chance for SeededChance {
    fn u64(&self) -> u64 {
        let mut state = self.0.lock();
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_numbers() {
        let (a, b) = (SeededChance::new(7), SeededChance::new(7));
        let run = |c: &SeededChance| (0..10).map(|_| c.u64()).collect::<Vec<_>>();
        assert_eq!(run(&a), run(&b));
        assert_ne!(run(&a), run(&SeededChance::new(8)));
    }
}
