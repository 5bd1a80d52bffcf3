//! An order of about 1 KB as nested JSON, and the same as protobuf.

use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Order {
    #[prost(uint64, tag = "1")]
    pub id: u64,
    #[prost(string, tag = "2")]
    pub customer: String,
    #[prost(message, repeated, tag = "3")]
    pub lines: Vec<Line>,
}

#[derive(Clone, PartialEq, prost::Message, Serialize, Deserialize)]
pub struct Line {
    #[prost(string, tag = "1")]
    pub article: String,
    #[prost(uint32, tag = "2")]
    pub quantity: u32,
    #[prost(double, tag = "3")]
    pub price: f64,
    #[prost(bool, tag = "4")]
    pub in_stock: bool,
}

impl Order {
    pub fn one_kilobyte() -> Self {
        let line = |n: u32| Line {
            article: format!("article-{n:06}"),
            quantity: n + 1,
            price: 9.5 + f64::from(n),
            in_stock: n % 2 == 0,
        };
        Order {
            id: 123_456_789,
            customer: "customer-0123456789".into(),
            lines: (0..14).map(line).collect(),
        }
    }
}
