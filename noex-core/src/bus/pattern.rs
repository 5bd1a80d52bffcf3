//! What a pattern means, as plain data.

use super::error::PatternError;

/// The longest pattern, in segments: a tree of patterns is walked by recursion.
pub(super) const MOST_SEGMENTS: usize = 256;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Exactly(Box<str>),
    /// Any one segment.
    One,
    /// Any number of segments, also none.
    Many,
}

pub(super) fn parse(pattern: &str, separator: char) -> Result<Vec<Segment>, PatternError> {
    if pattern == "*" {
        return Ok(vec![Segment::Many]);
    }
    let refused = |why: fn(Box<str>) -> PatternError| Err(why(pattern.into()));
    let mut segments = Vec::new();
    for text in pattern.split(separator) {
        let segment = match text {
            "" => return refused(PatternError::EmptySegment),
            "*" => Segment::One,
            "**" | "#" => Segment::Many,
            text => Segment::Exactly(text.into()),
        };
        if segment == Segment::Many && segments.last() == Some(&Segment::Many) {
            return refused(PatternError::ManyTwice);
        }
        segments.push(segment);
    }
    if segments.len() > MOST_SEGMENTS {
        return refused(PatternError::TooLong);
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_segment_and_many_twice_in_a_row_are_refused() {
        for pattern in ["", ".", "a.", ".a", "a..b"] {
            assert_eq!(
                parse(pattern, '.'),
                Err(PatternError::EmptySegment(pattern.into()))
            );
        }
        for pattern in ["**.**", "a.#.**", "#.#.b"] {
            assert_eq!(
                parse(pattern, '.'),
                Err(PatternError::ManyTwice(pattern.into()))
            );
        }
        assert!(parse("**.a.**", '.').is_ok());
    }

    #[test]
    fn a_pattern_without_end_is_refused() {
        let long = vec!["a"; MOST_SEGMENTS + 1].join(".");
        assert!(matches!(parse(&long, '.'), Err(PatternError::TooLong(_))));
        assert!(parse(&long[2..], '.').is_ok());
    }
}
