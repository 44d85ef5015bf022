//! Comparison of secrets.

use std::hint::black_box;

/// Whether both are the same, in a time that does not tell where they differ (hazard J1). `ring`'s own
/// comparison is deprecated without a successor.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> bool {
    let difference = a
        .iter()
        .zip(b)
        .fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    a.len() == b.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::equal;

    #[test]
    fn j01_equal_means_every_bit_and_the_length() {
        let secret: Vec<u8> = (0..48).collect();
        assert!(equal(&secret, &secret.clone()));
        assert!(equal(&[], &[]));
        for byte in 0..secret.len() {
            for bit in 0..8 {
                let mut other = secret.clone();
                other[byte] ^= 1 << bit;
                assert!(!equal(&secret, &other), "bit {bit} of byte {byte}");
            }
            assert!(!equal(&secret, &secret[..byte]));
            assert!(!equal(&secret[..byte], &secret));
        }
        // Differences do not cancel each other out.
        assert!(!equal(&[1, 1], &[0, 0]));
    }
}
