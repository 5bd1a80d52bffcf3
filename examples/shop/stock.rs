use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use thiserror::Error;

/// The units there are of each product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stock(pub BTreeMap<String, u64>);

/// Why there is no stock to begin with.
#[derive(Debug, Error)]
pub enum StockError {
    /// The file cannot be read.
    #[error("cannot read the stock from {path}: {error}")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is not a stock, an object of product to units: {error}")]
    Shape {
        /// Which file.
        path: String,
        /// What is wrong, and where.
        error: serde_json::Error,
    },
}

impl Stock {
    /// Reads a JSON object of product to units.
    pub async fn read(path: &Path) -> Result<Stock, StockError> {
        let name = || path.display().to_string();
        let text = tokio::fs::read(path)
            .await
            .map_err(|error| StockError::Read {
                path: name(),
                error,
            })?;
        serde_json::from_slice(&text).map_err(|error| StockError::Shape {
            path: name(),
            error,
        })
    }
}

// By hand, since a map would take the last of two equal products.
impl<'de> Deserialize<'de> for Stock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(StockVisitor)
    }
}

struct StockVisitor;

impl<'de> Visitor<'de> for StockVisitor {
    type Value = Stock;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of product to units")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Stock, A::Error> {
        let mut stock = BTreeMap::new();
        while let Some((product, units)) = map.next_entry::<String, u64>()? {
            if stock.contains_key(&product) {
                return Err(de::Error::custom(format!("{product:?} stands twice")));
            }
            stock.insert(product, units);
        }
        Ok(Stock(stock))
    }
}
