/// Whether the arrays and objects of a JSON text nest at most `limit` deep. Looks at brackets and
/// strings only, and without recursion; it does not say that the text is JSON.
///
/// serde_json does not count the depth of what it skips or keeps raw, so this has to come first.
pub fn nests_within(json: &[u8], limit: usize) -> bool {
    // No text nests deeper than it has opening brackets, and counting them is far quicker than
    // telling those in strings from the others.
    json.iter().filter(|byte| is_opening(**byte)).count() <= limit || scan(json, limit)
}

fn is_opening(byte: u8) -> bool {
    byte == b'[' || byte == b'{'
}

fn scan(json: &[u8], limit: usize) -> bool {
    let mut depth = 0usize;
    let (mut inside, mut escaped) = (false, false);
    for &byte in json {
        if inside {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => inside = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => inside = true,
            _ if is_opening(byte) => {
                depth += 1;
                if depth > limit {
                    return false;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{nests_within, scan};
    use proptest::prelude::*;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert!(nests_within(br#"{"a":"[[[\"[["}"#, 1));
        assert!(nests_within(br#"{"a\\":[1,[2]],"b":[]}"#, 3));
        assert!(!nests_within(br#"{"a\\":[1,[2]],"b":[]}"#, 2));
    }

    #[test]
    fn depth_beyond_the_limit_is_seen() {
        assert!(nests_within(&b"[".repeat(32), 32));
        assert!(!nests_within(&b"[".repeat(33), 32));
        assert!(!nests_within(&b"[".repeat(1 << 20), 32));
    }

    proptest! {
        #[test]
        fn the_quick_answer_is_the_scans(text in "[\\[\\]{}\"\\\\a]{0,40}", limit in 0usize..6) {
            prop_assert_eq!(nests_within(text.as_bytes(), limit), scan(text.as_bytes(), limit));
        }
    }
}
