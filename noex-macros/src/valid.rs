use syn::{Error, FnArg, ImplItemFn, Result, Type};

use crate::parse::{Method, Role, Server, last_segment};

/// Says everything that is wrong, at its place.
pub(crate) fn check(server: &Server) -> Result<()> {
    let mut wrong: Option<Error> = None;
    let mut note = |error: Error| match &mut wrong {
        Some(wrong) => wrong.combine(error),
        None => wrong = Some(error),
    };
    match &*server.init {
        [] => note(Error::new_spanned(
            &server.name,
            "no init: write `async fn init(args: Args, cx: &mut Context<Self>) -> Result<Self, Exit>`",
        )),
        [init] => {
            if let Some(FnArg::Receiver(receiver)) = init.sig.inputs.first() {
                note(Error::new_spanned(
                    receiver,
                    "init makes the state: it has no `self`",
                ));
            }
            if arguments_of_init(init).count() > 1 {
                note(Error::new_spanned(
                    &init.sig.inputs,
                    "init takes one argument beside `cx`: make it a tuple or a struct",
                ));
            }
        }
        [_, second, ..] => note(Error::new_spanned(
            &second.sig.ident,
            "a second init: write one",
        )),
    }
    for (index, method) in server.methods.iter().enumerate() {
        check_method(method, &mut note);
        let name = &method.function.sig.ident;
        let before = &server.methods[..index];
        let twice = before
            .iter()
            .find(|other| other.function.sig.ident == *name);
        // Two methods under opposite #[cfg]s are one.
        if twice.is_some_and(|other| !has_cfg(other) || !has_cfg(method)) {
            note(Error::new_spanned(
                name,
                format!("a second method `{name}`: give it another name"),
            ));
        }
    }
    wrong.map_or(Ok(()), Err)
}

pub(crate) fn arguments_of_init(init: &ImplItemFn) -> impl Iterator<Item = &Type> {
    init.sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) if !crate::parse::is_context(&argument.ty) => Some(&*argument.ty),
        _ => None,
    })
}

fn has_cfg(method: &Method) -> bool {
    method
        .function
        .attrs
        .iter()
        .any(|attribute| attribute.path().is_ident("cfg"))
}

/// Methods that `ServerRef` or `Name` have themselves, which go before a client trait's.
const TAKEN: [&str; 21] = [
    "as_str",
    "call",
    "cast",
    "cast_wait",
    "clone",
    "downgrade",
    "info",
    "is_alive",
    "kill",
    "lookup",
    "monitor",
    "name",
    "pid",
    "recipient",
    "send_after",
    "send_interval",
    "status",
    "stop",
    "sys",
    "wait",
    "whereis",
];

fn check_method(method: &Method, note: &mut impl FnMut(Error)) {
    let signature = &method.function.sig;
    if matches!(method.role, Role::Call(_) | Role::Cast) {
        let name = signature.ident.to_string();
        if TAKEN.contains(&name.as_str()) {
            note(Error::new_spanned(
                &signature.ident,
                format!(
                    "every target has a `{name}` of its own, which would be called instead: give it another name"
                ),
            ));
        }
    }
    match signature.receiver() {
        Some(receiver) if receiver.reference.is_some() => {}
        Some(receiver) => note(Error::new_spanned(
            receiver,
            "the server keeps its state: write `&self` or `&mut self`",
        )),
        None => note(Error::new_spanned(
            &signature.ident,
            "write `&self` or `&mut self` first",
        )),
    }
    if !signature.generics.params.is_empty() {
        note(Error::new_spanned(
            &signature.generics,
            "a message has no type parameters of its own: put them on the server",
        ));
    }
    for ty in &method.arguments {
        if matches!(ty, Type::Reference(_)) {
            note(Error::new_spanned(
                ty,
                "a message owns what it carries: write an owned type",
            ));
        }
    }
    let returned = method.returned();
    match method.role {
        Role::Call(_) if method.deferred.is_none() => {
            if let Some(ty @ Type::Reference(_)) = returned {
                note(Error::new_spanned(
                    ty,
                    "a reply leaves the server: return an owned type",
                ));
            }
        }
        _ => {
            if let Some(ty) = returned
                && last_segment(ty).is_none_or(|segment| segment.ident != "Result")
            {
                note(Error::new_spanned(
                    ty,
                    "nobody gets this: write #[call], or return nothing or `Result<(), Exit>`",
                ));
            }
        }
    }
    let (count, words) = match method.role {
        Role::Call(_) | Role::Cast => return,
        Role::Timeout => (0, "no argument"),
        _ => (1, "one argument, the message"),
    };
    if method.arguments.len() != count {
        note(Error::new_spanned(
            &signature.ident,
            format!("it takes {words} (and `cx`)"),
        ));
    }
}
