use std::time::Duration;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr,
    PathArguments, Result, ReturnType, Token, Type, parse_quote,
};

/// An `impl` block, read.
pub(crate) struct Server {
    pub(crate) noex: TokenStream,
    pub(crate) block: ItemImpl,
    pub(crate) name: Ident,
    pub(crate) init: Vec<ImplItemFn>,
    pub(crate) terminate: Option<ImplItemFn>,
    pub(crate) methods: Vec<Method>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Role {
    Call(Option<Duration>),
    Cast,
    Message,
    Down,
    Exit,
    TaskDone,
    Timeout,
}

/// A method that handles a message.
pub(crate) struct Method {
    pub(crate) role: Role,
    pub(crate) function: ImplItemFn,
    /// The types of what the message carries.
    pub(crate) arguments: Vec<Type>,
    /// The `T` of a `ReplyTo<T>` argument.
    pub(crate) deferred: Option<Type>,
    pub(crate) context: bool,
}

impl Method {
    pub(crate) fn returned(&self) -> Option<&Type> {
        match &self.function.sig.output {
            ReturnType::Default => None,
            ReturnType::Type(_, ty) => match &**ty {
                Type::Tuple(tuple) if tuple.elems.is_empty() => None,
                ty => Some(ty),
            },
        }
    }
}

pub(crate) fn server(arguments: TokenStream, block: TokenStream) -> Result<Server> {
    let noex = crate_path(arguments)?;
    let mut block: ItemImpl = syn::parse2(block)?;
    if let Some((_, path, _)) = &block.trait_ {
        return Err(Error::new_spanned(
            path,
            "#[genserver] writes the impl of `GenServer`: write `impl Type { .. }`",
        ));
    }
    let name = match last_segment(&block.self_ty) {
        Some(segment) => segment.ident.clone(),
        None => {
            return Err(Error::new_spanned(
                &block.self_ty,
                "write the name of a type",
            ));
        }
    };
    let mut server = Server {
        noex,
        name,
        init: Vec::new(),
        terminate: None,
        methods: Vec::new(),
        block: block.clone(),
    };
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else {
            continue;
        };
        match take_role(&mut function.attrs)? {
            Some(role) => server.methods.push(method(role, function)?),
            None if function.sig.ident == "init" => server.init.push(function.clone()),
            None if function.sig.ident == "terminate" => server.terminate = Some(function.clone()),
            None => {}
        }
    }
    server.block = block;
    Ok(server)
}

/// The block as the user wrote it, for the compiler to go on with, and a behaviour without
/// messages: what is said of a mistake is not to be followed by what comes of it elsewhere.
pub(crate) fn without_attributes(arguments: TokenStream, block: TokenStream) -> TokenStream {
    let Ok(mut parsed) = syn::parse2::<ItemImpl>(block.clone()) else {
        return block;
    };
    let noex = crate_path(arguments).unwrap_or_else(|_| quote!(::noex));
    let this = &parsed.self_ty;
    let (implementing, _, bounds) = parsed.generics.split_for_impl();
    let silent = quote! {
        impl #implementing #noex::GenServer for #this #bounds {
            type Args = ();
            type Call = ();
            type Cast = ();
            type Info = ();

            async fn init(_: (), _: &mut #noex::Context<Self>)
                -> ::core::result::Result<Self, #noex::Exit>
            {
                ::core::unreachable!()
            }

            async fn handle_call(&mut self, _: (), _: &mut #noex::Context<Self>)
                -> ::core::result::Result<(), #noex::Exit>
            {
                ::core::unreachable!()
            }

            async fn handle_cast(&mut self, _: (), _: &mut #noex::Context<Self>)
                -> ::core::result::Result<(), #noex::Exit>
            {
                ::core::unreachable!()
            }
        }
    };
    for item in &mut parsed.items {
        if let ImplItem::Fn(function) = item {
            function.attrs.retain(|attribute| !is_ours(attribute));
        }
    }
    quote!(#parsed #silent)
}

fn crate_path(arguments: TokenStream) -> Result<TokenStream> {
    if arguments.is_empty() {
        return Ok(quote!(::noex));
    }
    let read = |input: syn::parse::ParseStream<'_>| {
        input.parse::<Token![crate]>()?;
        input.parse::<Token![=]>()?;
        input.parse::<syn::Path>()
    };
    syn::parse::Parser::parse2(read, arguments.clone())
        .map(ToTokens::into_token_stream)
        .map_err(|_| Error::new_spanned(arguments, "write `#[genserver(crate = path)]`"))
}

fn is_ours(attribute: &Attribute) -> bool {
    ["call", "cast", "info"]
        .iter()
        .any(|ours| attribute.path().is_ident(ours))
}

fn take_role(attributes: &mut Vec<Attribute>) -> Result<Option<Role>> {
    let mut role = None;
    for attribute in attributes.iter() {
        suggest(attribute)?;
        if !is_ours(attribute) {
            continue;
        }
        if role.is_some() {
            return Err(Error::new_spanned(
                attribute,
                "a method has one of #[call], #[cast] and #[info]",
            ));
        }
        role = Some(read_role(attribute)?);
    }
    attributes.retain(|attribute| !is_ours(attribute));
    Ok(role)
}

fn suggest(attribute: &Attribute) -> Result<()> {
    let Some(word) = attribute.path().get_ident().map(ToString::to_string) else {
        return Ok(());
    };
    let meant = match word.as_str() {
        "calls" | "cal" | "handle_call" => "call",
        "casts" | "cats" | "handle_cast" => "cast",
        "infos" | "inf" | "handle_info" => "info",
        _ => return Ok(()),
    };
    Err(Error::new_spanned(
        attribute,
        format!("there is no #[{word}]: write #[{meant}]"),
    ))
}

fn read_role(attribute: &Attribute) -> Result<Role> {
    let plain = matches!(attribute.meta, syn::Meta::Path(_));
    if attribute.path().is_ident("cast") {
        attribute.meta.require_path_only()?;
        return Ok(Role::Cast);
    }
    if attribute.path().is_ident("call") {
        let mut timeout = None;
        if !plain {
            attribute.parse_nested_meta(|meta| {
                if !meta.path.is_ident("timeout") {
                    return Err(meta.error("write `timeout = \"30s\"`"));
                }
                timeout = Some(duration(&meta.value()?.parse()?)?);
                Ok(())
            })?;
        }
        return Ok(Role::Call(timeout));
    }
    if plain {
        return Ok(Role::Message);
    }
    let word: Ident = attribute.parse_args()?;
    match word.to_string().as_str() {
        "down" => Ok(Role::Down),
        "exit" => Ok(Role::Exit),
        "task_done" => Ok(Role::TaskDone),
        "timeout" => Ok(Role::Timeout),
        _ => Err(Error::new(
            word.span(),
            "write `down`, `exit`, `task_done` or `timeout`",
        )),
    }
}

fn duration(text: &LitStr) -> Result<Duration> {
    let value = text.value();
    let digits = value.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number = digits.parse::<u64>();
    match (number, &value[digits.len()..]) {
        (Ok(number), "ms") => Ok(Duration::from_millis(number)),
        (Ok(number), "s") => Ok(Duration::from_secs(number)),
        (Ok(number), "m") => Ok(Duration::from_secs(number.saturating_mul(60))),
        _ => Err(Error::new_spanned(
            text,
            "write a time such as \"500ms\", \"30s\" or \"2m\"",
        )),
    }
}

fn method(role: Role, function: &ImplItemFn) -> Result<Method> {
    let mut types: Vec<Type> = Vec::new();
    for input in &function.sig.inputs {
        if let FnArg::Typed(argument) = input {
            types.push((*argument.ty).clone());
        }
    }
    let context = types.last().is_some_and(is_context);
    if context {
        types.pop();
    }
    let deferred = match role {
        Role::Call(_) => types.last().and_then(reply_type),
        _ => None,
    };
    if deferred.is_some() {
        types.pop();
    }
    Ok(Method {
        role,
        function: function.clone(),
        arguments: types,
        deferred,
        context,
    })
}

pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

pub(crate) fn is_context(ty: &Type) -> bool {
    matches!(ty, Type::Reference(reference)
        if last_segment(&reference.elem).is_some_and(|segment| segment.ident == "Context"))
}

fn reply_type(ty: &Type) -> Option<Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == "ReplyTo")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Some(parse_quote!(()));
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty.clone()),
        _ => None,
    })
}
