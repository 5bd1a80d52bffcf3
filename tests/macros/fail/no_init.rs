use noex::{Context, Exit, genserver};

struct Counter;

#[genserver]
impl Counter {
    #[call]
    fn get(&self) -> u32 {
        1
    }
}

fn main() {}
