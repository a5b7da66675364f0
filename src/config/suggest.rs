//! The nearest known names of a mistyped one.

/// Known names within a few keystrokes of `name`, the nearest first, at most three.
pub(in crate::config) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let distance_max = (name.chars().count() / 4).clamp(2, 6);
    let mut near: Vec<(usize, &str)> = known
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= distance_max)
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .collect();
    near.sort_unstable();
    near.into_iter().take(3).map(|(_, candidate)| candidate).collect()
}

/// Insertions, deletions, replacements and swaps of neighbours that make one text of the other.
pub(in crate::config) fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(LENGTH_MAX).collect();
    let right: Vec<char> = right.chars().take(LENGTH_MAX).collect();
    let width = right.len() + 1;
    let mut cells = vec![0; (left.len() + 1) * width];
    for row in 0..=left.len() {
        for column in 0..=right.len() {
            let at = row * width + column;
            cells[at] = if row == 0 || column == 0 {
                row + column
            } else {
                let replaced = cells[at - width - 1] + usize::from(left[row - 1] != right[column - 1]);
                let shifted = replaced.min(cells[at - width] + 1).min(cells[at - 1] + 1);
                let swaps =
                    row > 1 && column > 1 && left[row - 1] == right[column - 2] && left[row - 2] == right[column - 1];
                if swaps { shifted.min(cells[at - 2 * width - 2] + 1) } else { shifted }
            };
        }
    }
    cells[left.len() * width + right.len()]
}

/// No setting's name is longer; a foreign text may be.
const LENGTH_MAX: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_finds_its_name() {
        let known = ["num.partitions", "num.io.threads", "log.dirs", "log.dir"];
        assert_eq!(nearest("num.partition", known.into_iter()), ["num.partitions"]);
        assert_eq!(nearest("log.drs", known.into_iter()), ["log.dirs", "log.dir"]);
        assert!(nearest("entirely.different", known.into_iter()).is_empty());
    }

    #[test]
    fn a_swap_of_neighbours_is_one_step() {
        assert_eq!(distance("lgo.dirs", "log.dirs"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }

    #[test]
    fn a_long_text_costs_little() {
        assert!(nearest(&"x".repeat(1_000_000), ["log.dirs"].into_iter()).is_empty());
    }
}
