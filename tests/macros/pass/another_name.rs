//! Where noex is known by another name.

mod inner {
    pub(crate) extern crate noex as actors;
}

use inner::actors::{self, Context, Exit};

struct Counter(u32);

#[actors::genserver(crate = crate::inner::actors)]
impl Counter {
    async fn init(start: u32, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter(start))
    }

    #[call]
    fn add(&mut self, n: u32) -> u32 {
        self.0 += n;
        self.0
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    use actors::GenServer;

    let counter = Counter::start(1).await?;
    assert_eq!(counter.add(2).await?, 3);
    counter.stop().await?;
    Ok(())
}
