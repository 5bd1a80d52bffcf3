use std::hash::{Hash, Hasher};

/// What a partition is picked by.
///
/// Integers are spread by their absolute value, so that of three partitions the key 3 leads to 0
/// and -1 to 1; strings and bytes by a hash that is the same in every run and on every machine.
/// [`Hashed`] makes a key of anything else.
pub trait PartitionKey {
    /// A number that is the same for equal keys.
    fn spread(&self) -> u64;
}

/// A key made of anything that can be hashed: `Hashed(&order_id)`. It is as stable as the type's `Hash` is, which
/// the standard library does not promise across its versions.
#[derive(Clone, Copy, Debug)]
pub struct Hashed<T>(pub T);

impl<T: Hash> PartitionKey for Hashed<T> {
    fn spread(&self) -> u64 {
        let mut hasher = StableHasher::default();
        self.0.hash(&mut hasher);
        hasher.finish()
    }
}

macro_rules! by_absolute_value {
    ($($signed:ty, $unsigned:ty;)*) => {$(
        impl PartitionKey for $signed {
            fn spread(&self) -> u64 {
                self.unsigned_abs() as u64
            }
        }
        impl PartitionKey for $unsigned {
            fn spread(&self) -> u64 {
                *self as u64
            }
        }
    )*};
}

by_absolute_value! { i8, u8; i16, u16; i32, u32; i64, u64; isize, usize; }

impl PartitionKey for [u8] {
    fn spread(&self) -> u64 {
        let mut hasher = StableHasher::default();
        hasher.write(self);
        hasher.finish()
    }
}

impl PartitionKey for str {
    fn spread(&self) -> u64 {
        self.as_bytes().spread()
    }
}

impl PartitionKey for String {
    fn spread(&self) -> u64 {
        self.as_bytes().spread()
    }
}

impl<T: PartitionKey + ?Sized> PartitionKey for &T {
    fn spread(&self) -> u64 {
        (**self).spread()
    }
}

/// FNV-1a, whose last bits are mixed with all others since it is them that a remainder goes by.
struct StableHasher(u64);

impl Default for StableHasher {
    fn default() -> Self {
        StableHasher(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for StableHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        let mixed = (self.0 ^ (self.0 >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        mixed ^ (mixed >> 33)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_go_by_their_absolute_value() {
        assert_eq!(3i32.spread() % 3, 0);
        assert_eq!((-1i64).spread() % 3, 1);
        assert_eq!(i64::MIN.spread(), 1 << 63);
        assert_eq!(7u8.spread(), 7);
    }

    #[test]
    fn strings_are_spread_evenly_and_the_same_in_every_run() {
        assert_eq!("order".spread(), String::from("order").spread());
        assert_eq!("order".spread(), b"order"[..].spread());
        let mut counts = [0; 7];
        for n in 0..7000 {
            counts[(format!("user-{n}").spread() % 7) as usize] += 1;
        }
        assert!(
            counts.iter().all(|count| (850..1150).contains(count)),
            "{counts:?}"
        );
    }
}
