/// How a client is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientStatus {
    /// Whether there is a connection that is registered.
    pub connected: bool,
    /// Its name at the gateway.
    pub service: String,
    /// How many connections are up.
    pub connections: usize,
    /// The calls that wait for an answer.
    pub pending_calls: usize,
    /// The methods that it offers, sorted.
    pub registered_methods: Vec<String>,
}
