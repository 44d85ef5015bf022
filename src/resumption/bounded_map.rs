//! A map that never grows beyond its bound.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// Where it is full, a new entry takes the place of the one that was used least recently.
pub(super) struct BoundedMap<K, V> {
    capacity: usize,
    uses: u64,
    entries: HashMap<K, Entry<V>>,
    by_use: BTreeMap<u64, K>,
}

struct Entry<V> {
    value: V,
    used: u64,
}

impl<K: Hash + Eq + Clone, V> BoundedMap<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        BoundedMap {
            capacity,
            uses: 0,
            entries: HashMap::new(),
            by_use: BTreeMap::new(),
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        self.remove(&key);
        if self.entries.len() >= self.capacity {
            if let Some((_, oldest)) = self.by_use.pop_first() {
                self.entries.remove(&oldest);
            }
        }
        let used = self.next_use();
        self.by_use.insert(used, key.clone());
        self.entries.insert(key, Entry { value, used });
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let used = self.next_use();
        let entry = self.entries.get_mut(key)?;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(used, key);
        }
        entry.used = used;
        Some(&entry.value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.by_use.remove(&entry.used);
        Some(entry.value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn next_use(&mut self) -> u64 {
        self.uses = self.uses.saturating_add(1);
        self.uses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn g04_the_least_recently_used_entry_makes_room() {
        let mut map = BoundedMap::new(2);
        map.insert(1, "one");
        map.insert(2, "two");
        assert_eq!(map.get(&1), Some(&"one"));
        map.insert(3, "three");
        assert_eq!(map.get(&2), None);
        assert_eq!(map.get(&1), Some(&"one"));
        map.insert(1, "uno");
        assert_eq!(map.len(), 2);
        assert_eq!(map.remove(&1), Some("uno"));
        assert_eq!(map.get(&3), Some(&"three"));
    }

    #[test]
    fn a_map_of_capacity_zero_stays_empty() {
        let mut map = BoundedMap::new(0);
        map.insert(1, "one");
        assert_eq!(map.len(), 0);
    }
}
