//! Patterns as a tree of segments: a topic meets the branches that it matches, and no others.

use std::collections::HashMap;

use super::pattern::Segment;

pub(super) struct Trie<V> {
    root: Node<V>,
}

struct Node<V> {
    exactly: HashMap<Box<str>, Node<V>>,
    one: Option<Box<Node<V>>>,
    many: Option<Box<Node<V>>>,
    /// Reached by `**`, and so reached again by each further segment.
    stays: bool,
    /// In the order in which they came, by ascending id.
    values: Vec<(u64, V)>,
}

impl<V> Node<V> {
    fn new(stays: bool) -> Self {
        Node {
            exactly: HashMap::new(),
            one: None,
            many: None,
            stays,
            values: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
            && self.exactly.is_empty()
            && self.one.is_none()
            && self.many.is_none()
    }

    fn branch(&mut self, segment: &Segment) -> &mut Node<V> {
        match segment {
            Segment::Exactly(text) => self
                .exactly
                .entry(text.clone())
                .or_insert_with(|| Node::new(false)),
            Segment::One => self.one.get_or_insert_with(|| Box::new(Node::new(false))),
            Segment::Many => self.many.get_or_insert_with(|| Box::new(Node::new(true))),
        }
    }

    /// Branches that have become empty are cut off.
    fn remove(&mut self, segments: &[Segment], id: u64) -> Option<V> {
        let Some((first, rest)) = segments.split_first() else {
            let at = self.values.binary_search_by_key(&id, |(id, _)| *id).ok()?;
            return Some(self.values.remove(at).1);
        };
        match first {
            Segment::Exactly(text) => {
                let branch = self.exactly.get_mut(text)?;
                let removed = branch.remove(rest, id);
                if branch.is_empty() {
                    self.exactly.remove(text);
                }
                removed
            }
            Segment::One => Self::remove_below(&mut self.one, rest, id),
            Segment::Many => Self::remove_below(&mut self.many, rest, id),
        }
    }

    fn remove_below(branch: &mut Option<Box<Node<V>>>, rest: &[Segment], id: u64) -> Option<V> {
        let node = branch.as_mut()?;
        let removed = node.remove(rest, id);
        if node.is_empty() {
            *branch = None;
        }
        removed
    }
}

/// Adds a node that is reached, and what is reached from it by no segment at all.
fn reach<'a, V>(reached: &mut Vec<&'a Node<V>>, node: &'a Node<V>) {
    reached.push(node);
    if let Some(many) = &node.many {
        reach(reached, many);
    }
}

impl<V> Trie<V> {
    pub(super) fn new() -> Self {
        Trie {
            root: Node::new(false),
        }
    }

    /// Ids ascend from insertion to insertion.
    pub(super) fn insert(&mut self, segments: &[Segment], id: u64, value: V) {
        let mut node = &mut self.root;
        for segment in segments {
            node = node.branch(segment);
        }
        node.values.push((id, value));
    }

    pub(super) fn remove(&mut self, segments: &[Segment], id: u64) -> Option<V> {
        self.root.remove(segments, id)
    }

    /// Calls `found` once for each value whose pattern matches the topic. All branches are
    /// followed side by side, segment by segment, so that no topic takes exponential time.
    pub(super) fn matches<'a>(
        &'a self,
        topic: &str,
        separator: char,
        mut found: impl FnMut(&'a V),
    ) {
        let mut reached = Vec::new();
        reach(&mut reached, &self.root);
        for segment in topic.split(separator) {
            let mut next = Vec::with_capacity(reached.len());
            for node in reached {
                if node.stays {
                    reach(&mut next, node);
                }
                if let Some(branch) = node.exactly.get(segment) {
                    reach(&mut next, branch);
                }
                if let Some(branch) = &node.one {
                    reach(&mut next, branch);
                }
            }
            // Two ways lead to a node behind two `**`.
            next.sort_unstable_by_key(|node| std::ptr::from_ref(*node));
            next.dedup_by_key(|node| std::ptr::from_ref(*node));
            reached = next;
        }
        for node in reached {
            for (_, value) in &node.values {
                found(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{prop, prop_assert, prop_assert_eq, proptest};

    use super::super::pattern::parse;
    use super::*;

    /// What the words say, tried out in every way.
    fn naive(pattern: &[Segment], topic: &[&str]) -> bool {
        match (pattern.split_first(), topic.split_first()) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some((Segment::Many, rest)), _) => {
                (0..=topic.len()).any(|taken| naive(rest, &topic[taken..]))
            }
            (Some(_), None) => false,
            (Some((Segment::One, rest)), Some((_, topic))) => naive(rest, topic),
            (Some((Segment::Exactly(text), rest)), Some((first, topic))) => {
                **text == **first && naive(rest, topic)
            }
        }
    }

    fn found(trie: &Trie<u64>, topic: &str) -> Vec<u64> {
        let mut ids = Vec::new();
        trie.matches(topic, '.', |id| ids.push(*id));
        ids.sort_unstable();
        ids
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_a_naive_matcher_finds(
            texts in prop::collection::vec("(a|b|\\*|\\*\\*|#)(\\.(a|b|\\*|\\*\\*|#)){0,5}", 0..30),
            topics in prop::collection::vec("(a|b|c)(\\.(a|b|c)){0,6}", 1..10),
            gone in prop::collection::vec(prop::bool::ANY, 30),
        ) {
            let mut trie = Trie::new();
            let mut patterns: Vec<(u64, Vec<Segment>)> = Vec::new();
            for (id, text) in (0..).zip(&texts) {
                if let Ok(segments) = parse(text, '.') {
                    trie.insert(&segments, id, id);
                    patterns.push((id, segments));
                }
            }
            for keep in [true, false] {
                for topic in &topics {
                    let parts: Vec<&str> = topic.split('.').collect();
                    let expected: Vec<u64> = patterns
                        .iter()
                        .filter(|(_, segments)| naive(segments, &parts))
                        .map(|(id, _)| *id)
                        .collect();
                    prop_assert_eq!(found(&trie, topic), expected);
                }
                patterns.retain(|(id, segments)| {
                    let stays = keep && !gone[*id as usize];
                    if !stays {
                        assert_eq!(trie.remove(segments, *id), Some(*id));
                    }
                    stays
                });
            }
            prop_assert!(trie.root.is_empty(), "no branch is left of patterns that are gone");
        }
    }

    #[test]
    fn many_wildcards_do_not_take_exponential_time() {
        let mut trie = Trie::new();
        let pattern = ["**.a"; 60].join(".");
        trie.insert(&parse(&pattern, '.').unwrap_or_default(), 1, 1);
        assert!(found(&trie, &["a"; 2000].join(".")).contains(&1));
        assert!(found(&trie, &["a"; 59].join(".")).is_empty());
    }
}
