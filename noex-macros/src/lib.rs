//! The macros of noex. Use them through `noex`, which re-exports them.

mod expand;
mod parse;
mod valid;

use proc_macro::TokenStream;

/// Writes a `GenServer` from an `impl` block of methods, and a client trait beside it.
///
/// For `impl Counter` it writes, beside the block itself, which stays as it is:
///
/// - `enum CounterCall`: a variant per `#[call]` method, with its arguments and a `ReplyTo`;
/// - `enum CounterCast`: a variant per `#[cast]` method;
/// - `enum CounterInfo`: when `#[info]` methods take several types, a variant for each; with one
///   type, `Info` is that type;
/// - `impl GenServer for Counter`, which hands each message to its method;
/// - `trait CounterClient`, as visible as its most visible method, for everything that
///   implements `Reach<Counter>`: `use` it where the server is called from another module.
///
/// | method | what it may look like |
/// | --- | --- |
/// | `init` | required; at most one argument beside `cx`; returns `Result<Self, Exit>` |
/// | `#[call]` | the reply is what it returns, also a `Result`; with a `ReplyTo<T>` as last argument it answers later, and may return `Result<(), Exit>` |
/// | `#[call(timeout = "30s")]` | the client waits that long by default (`ms`, `s`, `m`) |
/// | `#[cast]`, `#[info]` | returns nothing, or `Result<(), Exit>`, where `Err` ends the server |
/// | `#[info(down)]`, `#[info(exit)]`, `#[info(task_done)]`, `#[info(timeout)]` | `Info::Down` and so on; `timeout` has no argument |
/// | `terminate` | `&mut self, reason: &ExitReason` |
///
/// Methods take `&self` or `&mut self`, may be `async`, and may take `cx: &mut Context<Self>` as
/// their last argument (before it comes a `ReplyTo`). A `#[call]` ends its server with `cx.stop(exit)`.
///
/// Where noex has another name: `#[genserver(crate = other)]`.
#[proc_macro_attribute]
pub fn genserver(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let original = proc_macro2::TokenStream::from(block.clone());
    let arguments = proc_macro2::TokenStream::from(arguments);
    let written = parse::server(arguments.clone(), original.clone())
        .and_then(|server| valid::check(&server).map(|()| expand::server(&server)));
    match written {
        Ok(written) => written.into(),
        Err(error) => {
            // The methods stay, so that an editor goes on completing.
            let kept = parse::without_attributes(arguments, original);
            let error = error.into_compile_error();
            quote::quote!(#kept #error).into()
        }
    }
}
