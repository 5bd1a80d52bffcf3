use std::path::Path;

use thiserror::Error;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

use crate::order::MAX_LINE;

/// The lines of a file or of standard input that are not blank, numbered.
pub struct Lines {
    input: BufReader<Box<dyn AsyncRead + Send + Unpin>>,
    name: String,
    read: u64,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Counted from 0, blank lines left out.
    pub number: u64,
    /// What stands on it, without its end. Of a longer line than an order can be, only
    /// so much as to see that.
    pub bytes: Vec<u8>,
}

/// The input cannot be read.
#[derive(Debug, Error)]
#[error("cannot read orders from {name}: {error}")]
pub struct LinesError {
    name: String,
    error: std::io::Error,
}

impl Lines {
    /// Opens a file, or standard input for `-`.
    pub async fn open(path: &Path) -> Result<Lines, LinesError> {
        let (input, name): (Box<dyn AsyncRead + Send + Unpin>, _) = if path == Path::new("-") {
            (Box::new(tokio::io::stdin()), "standard input".to_owned())
        } else {
            let name = path.display().to_string();
            let open = async {
                let file = tokio::fs::File::open(path).await?;
                if file.metadata().await?.is_dir() {
                    return Err(std::io::ErrorKind::IsADirectory.into());
                }
                Ok(file)
            };
            match open.await {
                Ok(file) => (Box::new(file), name),
                Err(error) => return Err(LinesError { name, error }),
            }
        };
        Ok(Lines {
            input: BufReader::with_capacity(64 * 1024, input),
            name,
            read: 0,
        })
    }

    /// Where the lines come from.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many lines there were so far.
    pub fn read(&self) -> u64 {
        self.read
    }

    /// The next line that is not blank.
    pub async fn next(&mut self) -> Result<Option<Line>, LinesError> {
        let line = self.read_line().await;
        line.map_err(|error| LinesError {
            name: self.name.clone(),
            error,
        })
    }

    async fn read_line(&mut self) -> std::io::Result<Option<Line>> {
        let mut bytes = Vec::new();
        let mut blank = true;
        loop {
            let buffer = self.input.fill_buf().await?;
            let end = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..end.unwrap_or(buffer.len())];
            blank = blank && part.trim_ascii().is_empty();
            // One byte more than an order can have shows that the line is too long.
            let room = (MAX_LINE + 1).saturating_sub(bytes.len());
            bytes.extend_from_slice(&part[..part.len().min(room)]);
            let ended = buffer.is_empty();
            let used = part.len() + usize::from(end.is_some());
            self.input.consume(used);
            if end.is_none() && !ended {
                continue;
            }
            if !blank {
                let number = self.read;
                self.read += 1;
                return Ok(Some(Line { number, bytes }));
            }
            if ended {
                return Ok(None);
            }
            bytes.clear();
        }
    }
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines")
            .field("name", &self.name)
            .field("read", &self.read)
            .finish_non_exhaustive()
    }
}
