use noex::{Context, Exit, genserver};

struct Counter;

#[genserver]
impl Counter {
    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter)
    }

    #[cast]
    fn stop(&mut self) {}
}

fn main() {}
