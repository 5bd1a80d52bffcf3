/// How deep the arrays and objects of a JSON text nest, or `None` as soon as it is deeper than
/// `limit`. Looks at brackets and strings only, in one pass and without recursion.
///
/// serde_json does not count the depth of what it skips or keeps raw, so this has to come first.
pub fn nesting(json: &[u8], limit: usize) -> Option<usize> {
    let (mut depth, mut deepest) = (0usize, 0usize);
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
            b'[' | b'{' => {
                depth += 1;
                if depth > limit {
                    return None;
                }
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Some(deepest)
}

#[cfg(test)]
mod tests {
    use super::nesting;

    #[test]
    fn brackets_in_strings_do_not_count() {
        assert_eq!(nesting(br#"{"a":"[[[\"[["}"#, 32), Some(1));
        assert_eq!(nesting(br#"{"a\\":[1,[2]],"b":[]}"#, 32), Some(3));
    }

    #[test]
    fn depth_beyond_the_limit_is_seen() {
        assert_eq!(nesting(&b"[".repeat(32), 32), Some(32));
        assert_eq!(nesting(&b"[".repeat(33), 32), None);
        assert_eq!(nesting(&b"[".repeat(1 << 20), 32), None);
    }
}
