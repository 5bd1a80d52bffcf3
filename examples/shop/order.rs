use std::collections::HashSet;
use std::fmt;

use serde::de::{self, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest line that is looked at, in bytes.
pub const MAX_LINE: usize = 1024 * 1024;

/// Somebody wants `qty` units of `product` at `cents` each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// Whatever the customer counts by; ids may repeat.
    pub id: Id,
    /// What is ordered.
    pub product: String,
    /// How many units, 1 to 1000.
    pub qty: u64,
    /// The price of one unit.
    pub cents: u64,
}

/// Any integer of 64 bits, signed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// One that is not negative.
    Unsigned(u64),
    /// A negative one.
    Signed(i64),
}

/// Why a line is not an order.
#[derive(Debug, Error)]
pub enum OrderError {
    /// It is longer than [`MAX_LINE`].
    #[error("the line is longer than {MAX_LINE} bytes")]
    TooLong,
    /// It is not text.
    #[error("the line is not UTF-8")]
    NotText(#[from] std::str::Utf8Error),
    /// It is not JSON, or not of the right shape.
    #[error("the line is not an order")]
    Json(#[from] serde_json::Error),
    /// The shop has never heard of the product.
    #[error("there is no product {0:?}")]
    UnknownProduct(String),
}

impl Order {
    /// The order on a line: an object with `id`, `product`, `qty` and `cents`, no key twice.
    pub fn parse(line: &[u8]) -> Result<Order, OrderError> {
        if line.len() > MAX_LINE {
            return Err(OrderError::TooLong);
        }
        Ok(serde_json::from_str(std::str::from_utf8(line)?)?)
    }
}

// By hand, since a derived one also takes arrays, and further keys that repeat.
impl<'de> Deserialize<'de> for Order {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(OrderVisitor)
    }
}

struct OrderVisitor;

impl<'de> Visitor<'de> for OrderVisitor {
    type Value = Order;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with id, product, qty and cents")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Order, A::Error> {
        let (mut id, mut product, mut qty, mut cents) = (None, None, None, None);
        let mut others = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let repeated = match key.as_str() {
                "id" => id.replace(map.next_value()?).is_some(),
                "product" => product.replace(map.next_value()?).is_some(),
                "qty" => qty.replace(map.next_value()?).is_some(),
                "cents" => cents.replace(map.next_value()?).is_some(),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    !others.insert(key.clone())
                }
            };
            if repeated {
                return Err(de::Error::custom(format!("the key {key:?} stands twice")));
            }
        }
        let qty = qty.ok_or_else(|| de::Error::missing_field("qty"))?;
        if !(1..=1000).contains(&qty) {
            return Err(de::Error::custom(format!("qty is {qty}, not 1 to 1000")));
        }
        Ok(Order {
            id: id.ok_or_else(|| de::Error::missing_field("id"))?,
            product: product.ok_or_else(|| de::Error::missing_field("product"))?,
            qty,
            cents: cents.ok_or_else(|| de::Error::missing_field("cents"))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parses(line: &str) -> bool {
        Order::parse(line.as_bytes()).is_ok()
    }

    #[test]
    fn an_order_is_an_object_with_four_keys_and_maybe_more() {
        assert!(parses(r#"{"id":17,"product":"lamp","qty":2,"cents":4999}"#));
        assert!(parses(
            r#"{"id":-1,"product":"lamp","qty":1,"cents":0,"note":{"a":[]}}"#
        ));
        assert!(parses(
            r#"{"id":18446744073709551615,"product":"","qty":1000,"cents":18446744073709551615}"#
        ));
    }

    #[test]
    fn anything_else_is_not() {
        for line in [
            r#"[17,"lamp",2,4999]"#,
            r#"{"product":"lamp","qty":2,"cents":4999}"#,
            r#"{"id":17.0,"product":"lamp","qty":2,"cents":4999}"#,
            r#"{"id":"17","product":"lamp","qty":2,"cents":4999}"#,
            r#"{"id":null,"product":"lamp","qty":2,"cents":4999}"#,
            r#"{"id":17,"product":"lamp","qty":0,"cents":4999}"#,
            r#"{"id":17,"product":"lamp","qty":1001,"cents":4999}"#,
            r#"{"id":17,"product":"lamp","qty":2,"cents":-1}"#,
            r#"{"id":17,"product":"lamp","qty":2,"cents":1e2}"#,
            r#"{"id":17,"product":7,"qty":2,"cents":4999}"#,
            r#"{"id":18446744073709551616,"product":"lamp","qty":2,"cents":1}"#,
            r#"{"id":17,"product":"lamp","qty":2,"cents":4999} x"#,
            r#"{"id":17,"product":"lamp","qty":2,"cents":4999"#,
            "null",
        ] {
            assert!(!parses(line), "{line}");
        }
    }

    #[test]
    fn no_key_may_stand_twice_however_it_is_written() {
        assert!(!parses(
            r#"{"id":1,"product":"lamp","qty":2,"cents":1,"qty":2}"#
        ));
        assert!(!parses(
            r#"{"id":1,"product":"lamp","qty":2,"cents":1,"x":1,"x":1}"#
        ));
        assert!(!parses(
            r#"{"id":1,"\u0069d":1,"product":"lamp","qty":2,"cents":1}"#
        ));
    }

    #[test]
    fn a_line_is_text_of_a_bounded_length() {
        assert!(matches!(Order::parse(b"\xff"), Err(OrderError::NotText(_))));
        let inside = b"{\"id\":1,\"product\":\"lamp\",\"qty\":2,\"cents\":1,\"x\":\"\xff\"}";
        assert!(matches!(Order::parse(inside), Err(OrderError::NotText(_))));
        let long = vec![b' '; MAX_LINE + 1];
        assert!(matches!(Order::parse(&long), Err(OrderError::TooLong)));
    }
}
