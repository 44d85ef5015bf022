//! Medians and percentiles.

/// The value below which the share `part` of all values lies; of none it is not a number.
pub(crate) fn percentile(values: &[f64], part: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let rank = (part * sorted.len() as f64).ceil() as usize;
    let at = rank.saturating_sub(1);
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 0.5)
}

/// The median of what `what` tells of each.
pub(crate) fn median_of<T>(all: &[T], what: impl Fn(&T) -> f64) -> f64 {
    median(&all.iter().map(what).collect::<Vec<_>>())
}
