//! A map that never grows beyond its bound.

use std::collections::HashMap;
use std::hash::Hash;

/// Where it is full, a new entry takes the place of the one that was used least recently.
pub(super) struct BoundedMap<K, V> {
    capacity: usize,
    uses: u64,
    entries: HashMap<K, Entry<V>>,
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
        }
    }

    pub(super) fn insert(&mut self, key: K, value: V) {
        if self.capacity == 0 {
            return;
        }
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.used);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.entries.remove(&oldest);
            }
        }
        let used = self.tick();
        self.entries.insert(key, Entry { value, used });
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: std::borrow::Borrow<Q>,
    {
        let used = self.tick();
        let entry = self.entries.get_mut(key)?;
        entry.used = used;
        Some(&entry.value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|entry| entry.value)
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    fn tick(&mut self) -> u64 {
        self.uses = self.uses.wrapping_add(1);
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
