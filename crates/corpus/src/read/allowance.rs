//! How much a packed file may unpack to. A few bytes can stand for as many as there are atoms: what nobody would call text
//! ends with an error before it fills a disk or a day.

use std::io::{self, Read};

/// No text packs better; prose comes to a quarter, logs and tables to a twentieth of their size.
const MOST_TIMES: u64 = 100;
/// What any file may hold, however small it is.
const FREE_BYTES: u64 = 4 << 20;

/// What is left of what a file may unpack to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    most: u64,
    left: u64,
}

impl Allowance {
    /// For a file of so many bytes.
    pub(super) fn of(file_bytes: u64) -> Self {
        let most = file_bytes.saturating_mul(MOST_TIMES).max(FREE_BYTES);
        Self { most, left: most }
    }

    /// Uses some of it up.
    ///
    /// # Errors
    /// A sentence, where there is not as much left.
    pub(super) fn take(&mut self, bytes: u64) -> Result<(), String> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(format!(
                "it unpacks to more than {} KiB, which is more than {MOST_TIMES} times its size: if that is what it should \
                 hold, unpack it and name the unpacked file",
                self.most >> 10
            )),
        }
    }

    /// The binary logarithm of all of it, rounded up: no stream needs to look back further.
    pub(super) fn log2(&self) -> u32 {
        self.most.next_power_of_two().ilog2()
    }
}

/// A stream that ends with an error where more comes out of it than its file may hold.
pub(super) struct Bounded<R> {
    pub(super) stream: R,
    pub(super) allowance: Allowance,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(into)?;
        self.allowance.take(read as u64).map_err(io::Error::other)?;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_may_unpack_to_grows_with_it() {
        let mut small = Allowance::of(10);
        assert!(small.take(FREE_BYTES).is_ok());
        let why = small.take(1).unwrap_err();
        assert!(why.contains("more than 4096 KiB") && why.contains("unpack it"), "{why}");
        assert!(Allowance::of(1 << 20).take(MOST_TIMES << 20).is_ok());
        assert!(Allowance::of(u64::MAX).take(u64::MAX).is_ok());
        assert_eq!((small.log2(), Allowance::of(1 << 20).log2()), (22, 27));
    }
}
