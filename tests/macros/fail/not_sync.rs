use std::cell::Cell;

use noex::{Context, Exit, genserver};

struct Counter {
    value: Cell<u32>,
}

#[genserver]
impl Counter {
    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter {
            value: Cell::new(0),
        })
    }

    #[call]
    async fn get(&self) -> u32 {
        tokio::task::yield_now().await;
        self.value.get()
    }
}

fn main() {}
