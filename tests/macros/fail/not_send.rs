use noex::{Context, Exit, genserver};

struct Counter;

#[genserver]
impl Counter {
    async fn init(_: (), _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter)
    }

    #[call]
    fn share(&self, counter: std::rc::Rc<u32>) -> u32 {
        *counter
    }
}

fn main() {}
