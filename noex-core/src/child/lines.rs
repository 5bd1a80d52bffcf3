//! Lines out of whatever pieces they come in, each with a cap.

/// What was cut out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cut<'a> {
    Line(&'a [u8]),
    /// A line longer than the cap, which was passed over.
    TooLong,
}

#[derive(Debug)]
pub(super) struct Lines {
    held: Vec<u8>,
    cap: usize,
    skipping: bool,
}

impl Lines {
    pub(super) fn new(cap: usize) -> Self {
        Lines {
            held: Vec::new(),
            cap,
            skipping: false,
        }
    }

    /// Gives every line that ends within `piece`; keeps what comes after the last.
    pub(super) fn feed(&mut self, mut piece: &[u8], mut each: impl FnMut(Cut<'_>)) {
        while let Some(end) = piece.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            piece = rest;
            if self.skipping {
                self.skipping = false;
            } else if self.held.len() + line.len() > self.cap {
                each(Cut::TooLong);
            } else if self.held.is_empty() {
                each(Cut::Line(line));
                continue;
            } else {
                self.held.extend_from_slice(line);
                each(Cut::Line(&self.held));
            }
            self.forget();
        }
        if self.skipping {
            return;
        }
        if self.held.len() + piece.len() > self.cap {
            self.skipping = true;
            self.forget();
            each(Cut::TooLong);
        } else {
            self.held.extend_from_slice(piece);
        }
    }

    /// What came after the last line's end.
    pub(super) fn rest(&self) -> &[u8] {
        &self.held
    }

    fn forget(&mut self) {
        self.held.clear();
        // One long line is no reason to keep its memory.
        self.held.shrink_to(64 << 10);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(cap: usize, pieces: &[&str]) -> Vec<String> {
        let mut lines = Lines::new(cap);
        let mut all = Vec::new();
        for piece in pieces {
            lines.feed(piece.as_bytes(), |cut| {
                all.push(match cut {
                    Cut::Line(line) => String::from_utf8_lossy(line).into_owned(),
                    Cut::TooLong => "!".into(),
                });
            });
        }
        all
    }

    #[test]
    fn lines_are_whole_however_they_come() {
        assert_eq!(cut(9, &["a\nb", "c", "\n\nd"]), ["a", "bc", ""]);
    }

    #[test]
    fn a_line_over_the_cap_is_told_once_and_the_next_is_whole() {
        assert_eq!(cut(3, &["ab", "cd", "ef\nok\n"]), ["!", "ok"]);
        assert_eq!(cut(3, &["abcd\nabc\n"]), ["!", "abc"]);
        assert_eq!(cut(3, &["ab", "cd\nok\n"]), ["!", "ok"]);
    }
}
