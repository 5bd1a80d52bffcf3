//! Servers written as methods.

#![allow(clippy::unwrap_used)]

mod compile;

use std::time::Duration;

use noex::{CallError, Context, Down, Exit, ExitReason, GenServer, Name, ReplyTo, ServerRef};

struct Counter {
    value: i64,
    waiting: Vec<ReplyTo<i64>>,
    heard: Vec<String>,
}

struct Tick;
struct Word(&'static str);

#[noex::genserver]
impl Counter {
    async fn init(start: i64, _cx: &mut Context<Self>) -> Result<Self, Exit> {
        Ok(Counter {
            value: start,
            waiting: Vec::new(),
            heard: Vec::new(),
        })
    }

    #[call]
    fn get(&self) -> i64 {
        self.value
    }

    #[call]
    async fn add(&mut self, n: i64) -> i64 {
        tokio::task::yield_now().await;
        self.value += n;
        self.value
    }

    #[call]
    fn checked(&self, ok: bool) -> Result<i64, String> {
        if ok { Ok(self.value) } else { Err("no".into()) }
    }

    #[call]
    fn later(&mut self, reply: ReplyTo<i64>) {
        self.waiting.push(reply);
    }

    #[call(timeout = "20ms")]
    fn never(&mut self, reply: ReplyTo<i64>) {
        self.waiting.push(reply);
    }

    #[call]
    fn last(&mut self, cx: &mut Context<Self>) -> i64 {
        cx.stop(Exit::Normal);
        self.value
    }

    #[call]
    fn watch(&mut self, other: ServerRef<Counter>, cx: &mut Context<Self>) {
        cx.monitor(&other);
    }

    #[call]
    fn heard(&self) -> Vec<String> {
        self.heard.clone()
    }

    #[cast]
    fn release(&mut self) {
        for reply in self.waiting.drain(..) {
            reply.send(self.value);
        }
    }

    #[cast]
    fn fail(&mut self) -> Result<(), Exit> {
        Err(Exit::error("asked to"))
    }

    #[cfg(any())]
    #[cast]
    fn gone(&mut self, _: NoSuchType) {}

    #[info]
    fn tick(&mut self, _: Tick) {
        self.heard.push("tick".into());
    }

    #[info]
    fn word(&mut self, word: Word) {
        self.heard.push(word.0.into());
    }

    #[info(down)]
    fn down(&mut self, _: Down) {
        self.heard.push("down".into());
    }

    async fn terminate(&mut self, _reason: &ExitReason) {
        self.value = 0;
    }
}

#[tokio::test]
async fn methods_work_on_a_ref_and_on_a_name() {
    let counter = Counter::start(5).name("macros-counter").await.unwrap();
    assert_eq!(counter.add(2).await.unwrap(), 7);
    let name = Name::<Counter>::new("macros-counter");
    assert_eq!(
        name.add(1).timeout(Duration::from_secs(9)).await.unwrap(),
        8
    );
    assert_eq!(name.get().no_timeout().await.unwrap(), 8);
}

#[tokio::test]
async fn a_result_that_a_call_returns_is_the_callers() {
    let counter = Counter::start(1).await.unwrap();
    assert_eq!(counter.checked(false).await.unwrap(), Err("no".into()));
    assert_eq!(counter.checked(true).await.unwrap(), Ok(1));
}

#[tokio::test]
async fn a_kept_port_is_answered_later() {
    let counter = Counter::start(3).await.unwrap();
    let answer = tokio::spawn({
        let counter = counter.clone();
        async move { counter.later().await }
    });
    while !answer.is_finished() {
        counter.release().unwrap();
        tokio::task::yield_now().await;
    }
    assert_eq!(answer.await.unwrap().unwrap(), 3);
}

#[tokio::test]
async fn a_call_has_the_timeout_that_its_attribute_says() {
    let counter = Counter::start(3).await.unwrap();
    assert!(matches!(
        counter.never().await,
        Err(CallError::Timeout { .. })
    ));
}

#[tokio::test]
async fn a_handler_can_end_its_server() {
    let counter = Counter::start(4).await.unwrap();
    let monitor = counter.monitor();
    assert_eq!(counter.last().await.unwrap(), 4);
    assert!(matches!(monitor.await.reason, ExitReason::Normal));

    let counter = Counter::start(4).await.unwrap();
    let monitor = counter.monitor();
    counter.fail().unwrap();
    assert!(matches!(monitor.await.reason, ExitReason::Error(_)));
}

#[tokio::test]
async fn infos_of_several_types_and_a_down_reach_their_methods() {
    let (counter, other) = (
        Counter::start(0).await.unwrap(),
        Counter::start(0).await.unwrap(),
    );
    counter.watch(other.clone()).await.unwrap();
    counter.info(Tick.into()).unwrap();
    counter.info(Word("hello").into()).unwrap();
    other.stop().await.unwrap();
    assert_eq!(counter.heard().await.unwrap(), ["tick", "hello", "down"]);
}

struct Shelf<T> {
    things: Vec<T>,
}

#[noex::genserver]
impl<T> Shelf<T>
where
    T: Clone + Send + Sync + 'static,
{
    fn init() -> Result<Self, Exit> {
        Ok(Shelf { things: Vec::new() })
    }

    #[call]
    fn all(&self) -> Vec<T> {
        self.things.clone()
    }

    #[cast]
    fn put(&mut self, thing: T) {
        self.things.push(thing);
    }
}

#[tokio::test]
async fn a_generic_server_has_its_methods() {
    let shelf = Shelf::<u8>::start(()).await.unwrap();
    shelf.put(7).unwrap();
    assert_eq!(shelf.all().await.unwrap(), [7]);
}
