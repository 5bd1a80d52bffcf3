use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Attribute, Ident, ImplItemFn, Type, Visibility};

use crate::parse::{Method, Role, Server, is_context};
use crate::valid::arguments_of_init;

pub(crate) fn server(server: &Server) -> TokenStream {
    let block = &server.block;
    let messages = messages(server);
    let infos = Infos::of(server);
    let info_enum = infos.definition(server);
    let behaviour = behaviour(server, &infos);
    let client = client(server);
    quote! {
        #block
        #messages
        #info_enum
        #behaviour
        #client
    }
}

fn lints() -> TokenStream {
    quote! {
        #[allow(
            missing_docs, missing_debug_implementations, unreachable_pub, private_interfaces,
            private_bounds, dead_code, clippy::large_enum_variant, clippy::type_complexity,
            clippy::too_many_arguments
        )]
    }
}

/// `add_item` as `AddItem`.
fn variant(method: &Ident) -> Ident {
    let text = method.to_string();
    let camel: String = text
        .trim_start_matches("r#")
        .split('_')
        .map(|word| {
            let mut letters = word.chars();
            let first = letters.next().map(|first| first.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        })
        .collect();
    Ident::new(&camel, method.span())
}

fn cfgs(function: &ImplItemFn) -> impl Iterator<Item = &Attribute> {
    function
        .attrs
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
}

fn with(server: &Server, role: fn(Role) -> bool) -> impl Iterator<Item = &Method> {
    server
        .methods
        .iter()
        .filter(move |method| role(method.role))
}

fn calls(server: &Server) -> impl Iterator<Item = &Method> {
    with(server, |role| matches!(role, Role::Call(_)))
}

fn casts(server: &Server) -> impl Iterator<Item = &Method> {
    with(server, |role| role == Role::Cast)
}

fn reply(method: &Method) -> TokenStream {
    match (&method.deferred, method.returned()) {
        (Some(ty), _) | (None, Some(ty)) => ty.to_token_stream(),
        (None, None) => quote!(()),
    }
}

/// The variant that holds on to a generic server's parameters, and is never made.
fn unmade(server: &Server) -> Option<TokenStream> {
    let mut types = server
        .block
        .generics
        .type_params()
        .map(|parameter| &parameter.ident)
        .peekable();
    types.peek()?;
    Some(quote! {
        #[doc(hidden)]
        __Unmade(::core::marker::PhantomData<fn() -> (#(#types,)*)>, ::core::convert::Infallible)
    })
}

fn unmade_arm(server: &Server, name: &Ident) -> Option<TokenStream> {
    unmade(server).map(|_| quote!(#name::__Unmade(_, never) => match never {},))
}

fn messages(server: &Server) -> TokenStream {
    let noex = &server.noex;
    let (call, cast) = (
        format_ident!("{}Call", server.name),
        format_ident!("{}Cast", server.name),
    );
    let generics = &server.block.generics;
    let bounds = &generics.where_clause;
    let lints = lints();
    let unmade = unmade(server);
    let calls = calls(server).map(|method| {
        let (cfgs, types, reply) = (cfgs(&method.function), &method.arguments, reply(method));
        let name = variant(&method.function.sig.ident);
        quote!(#(#cfgs)* #name(#(#types,)* #noex::ReplyTo<#reply>),)
    });
    let casts = casts(server).map(|method| {
        let (cfgs, types) = (cfgs(&method.function), &method.arguments);
        let name = variant(&method.function.sig.ident);
        quote!(#(#cfgs)* #name(#(#types,)*),)
    });
    let of = &server.name;
    let call_doc = format!("The calls of [`{of}`].");
    let cast_doc = format!("The casts of [`{of}`].");
    quote! {
        #[doc = #call_doc] #lints
        pub enum #call #generics #bounds { #(#calls)* #unmade }
        #[doc = #cast_doc] #lints
        pub enum #cast #generics #bounds { #(#casts)* #unmade }
    }
}

/// The info messages: none, one type as it is, or an enum of several.
struct Infos<'a> {
    methods: Vec<&'a Method>,
}

impl<'a> Infos<'a> {
    fn of(server: &'a Server) -> Self {
        Infos {
            methods: with(server, |role| role == Role::Message).collect(),
        }
    }

    fn ty(&self, server: &Server) -> TokenStream {
        match &*self.methods {
            [] => quote!(()),
            [one] => one.arguments[0].to_token_stream(),
            _ => {
                let name = format_ident!("{}Info", server.name);
                let (_, parameters, _) = server.block.generics.split_for_impl();
                quote!(#name #parameters)
            }
        }
    }

    fn definition(&self, server: &Server) -> Option<TokenStream> {
        if self.methods.len() < 2 {
            return None;
        }
        let name = format_ident!("{}Info", server.name);
        let generics = &server.block.generics;
        let (implementing, parameters, bounds) = generics.split_for_impl();
        let (lints, unmade) = (lints(), unmade(server));
        let (mut variants, mut conversions) = (Vec::new(), Vec::new());
        for method in &self.methods {
            let (ty, variant) = (&method.arguments[0], variant(&method.function.sig.ident));
            let cfgs: Vec<_> = cfgs(&method.function).collect();
            variants.push(quote!(#(#cfgs)* #variant(#ty),));
            conversions.push(quote! {
                #(#cfgs)*
                impl #implementing ::core::convert::From<#ty> for #name #parameters #bounds {
                    fn from(message: #ty) -> Self { #name::#variant(message) }
                }
            });
        }
        let doc = format!("The info messages of [`{}`].", server.name);
        Some(quote! {
            #[doc = #doc] #lints
            pub enum #name #generics #bounds { #(#variants)* #unmade }
            #(#conversions)*
        })
    }

    fn arms(&self, server: &Server) -> TokenStream {
        let noex = &server.noex;
        match &*self.methods {
            [] => quote!(),
            [one] => {
                let handled = handled(one, &[format_ident!("message")]);
                quote!(#noex::Info::Message(message) => { #handled })
            }
            several => {
                let name = format_ident!("{}Info", server.name);
                let unmade = unmade_arm(server, &name);
                let arms = several.iter().map(|method| {
                    let variant = variant(&method.function.sig.ident);
                    let (cfgs, handled) = (
                        cfgs(&method.function),
                        handled(method, &[format_ident!("message")]),
                    );
                    quote!(#(#cfgs)* #name::#variant(message) => { #handled })
                });
                quote!(#noex::Info::Message(message) => match message { #(#arms)* #unmade },)
            }
        }
    }
}

/// The method applied to what the message carried.
fn applied(method: &Method, arguments: &[Ident]) -> TokenStream {
    let signature = &method.function.sig;
    let name = &signature.ident;
    let port = method.deferred.is_some().then(|| quote!(reply,));
    let context = method.context.then(|| quote!(cx,));
    let wait = signature.asyncness.map(|_| quote!(.await));
    quote_spanned!(name.span()=> Self::#name(self, #(#arguments,)* #port #context) #wait)
}

/// As `applied`, where a returned `Result` is the server's.
fn handled(method: &Method, arguments: &[Ident]) -> TokenStream {
    let applied = applied(method, arguments);
    match method.returned() {
        Some(_) => quote!(#applied?;),
        None => quote!(#applied;),
    }
}

fn names(method: &Method) -> Vec<Ident> {
    (0..method.arguments.len())
        .map(|index| format_ident!("argument{index}"))
        .collect()
}

fn behaviour(server: &Server, infos: &Infos<'_>) -> TokenStream {
    let noex = &server.noex;
    let (call, cast) = (
        format_ident!("{}Call", server.name),
        format_ident!("{}Cast", server.name),
    );
    let (implementing, parameters, bounds) = server.block.generics.split_for_impl();
    let this = &server.block.self_ty;
    let init = &server.init[0];
    let args = arguments_of_init(init)
        .next()
        .map_or(quote!(()), ToTokens::to_token_stream);
    let init = init_of(init);
    let call_arms = calls(server).map(|method| {
        let (names, cfgs) = (names(method), cfgs(&method.function));
        let variant = variant(&method.function.sig.ident);
        let done = if method.deferred.is_some() {
            handled(method, &names)
        } else {
            let applied = applied(method, &names);
            quote!(let value = #applied; reply.send(value);)
        };
        quote!(#(#cfgs)* #call::#variant(#(#names,)* reply) => { #done })
    });
    let cast_arms = casts(server).map(|method| {
        let (names, cfgs) = (names(method), cfgs(&method.function));
        let variant = variant(&method.function.sig.ident);
        let handled = handled(method, &names);
        quote!(#(#cfgs)* #cast::#variant(#(#names,)*) => { #handled })
    });
    let (call_unmade, cast_unmade) = (unmade_arm(server, &call), unmade_arm(server, &cast));
    let info_ty = infos.ty(server);
    let info = handle_info(server, infos);
    let terminate = server
        .terminate
        .as_ref()
        .map(|terminate| terminate_of(noex, terminate));
    quote! {
        #[allow(unused_variables, unreachable_code, clippy::unit_arg, clippy::let_unit_value)]
        impl #implementing #noex::GenServer for #this #bounds {
            type Args = #args;
            type Call = #call #parameters;
            type Cast = #cast #parameters;
            type Info = #info_ty;

            async fn init(args: Self::Args, cx: &mut #noex::Context<Self>)
                -> ::core::result::Result<Self, #noex::Exit> { #init }

            async fn handle_call(&mut self, call: Self::Call, cx: &mut #noex::Context<Self>)
                -> ::core::result::Result<(), #noex::Exit>
            {
                match call { #(#call_arms)* #call_unmade }
                ::core::result::Result::Ok(())
            }

            async fn handle_cast(&mut self, cast: Self::Cast, cx: &mut #noex::Context<Self>)
                -> ::core::result::Result<(), #noex::Exit>
            {
                match cast { #(#cast_arms)* #cast_unmade }
                ::core::result::Result::Ok(())
            }

            #info
            #terminate
        }
    }
}

/// An own method of the type goes before the trait's of the same name.
fn init_of(init: &ImplItemFn) -> TokenStream {
    let given = init.sig.inputs.iter().map(|input| match input {
        syn::FnArg::Typed(argument) if is_context(&argument.ty) => quote!(cx),
        _ => quote!(args),
    });
    let wait = init.sig.asyncness.map(|_| quote!(.await));
    quote!(Self::init(#(#given),*) #wait)
}

fn terminate_of(noex: &TokenStream, terminate: &ImplItemFn) -> TokenStream {
    let given = terminate
        .sig
        .inputs
        .iter()
        .skip(1)
        .map(|input| match input {
            syn::FnArg::Typed(argument) if is_context(&argument.ty) => quote!(cx),
            _ => quote!(reason),
        });
    let wait = terminate.sig.asyncness.map(|_| quote!(.await));
    quote! {
        async fn terminate(&mut self, reason: &#noex::ExitReason, cx: &mut #noex::Context<Self>) {
            Self::terminate(self, #(#given),*) #wait
        }
    }
}

fn handle_info(server: &Server, infos: &Infos<'_>) -> Option<TokenStream> {
    let noex = &server.noex;
    let message = infos.arms(server);
    let others: Vec<_> = server
        .methods
        .iter()
        .filter_map(|method| {
            let given = [format_ident!("message")];
            let (pattern, given) = match method.role {
                Role::Down => (quote!(Down(message)), &given[..]),
                Role::Exit => (quote!(Exit(message)), &given[..]),
                Role::TaskDone => (quote!(TaskDone(message)), &given[..]),
                Role::Timeout => (quote!(Timeout), &[][..]),
                _ => return None,
            };
            let (cfgs, handled) = (cfgs(&method.function), handled(method, given));
            Some(quote!(#(#cfgs)* #noex::Info::#pattern => { #handled }))
        })
        .collect();
    if message.is_empty() && others.is_empty() {
        return None;
    }
    Some(quote! {
        async fn handle_info(&mut self, info: #noex::Info<Self::Info>, cx: &mut #noex::Context<Self>)
            -> ::core::result::Result<(), #noex::Exit>
        {
            #[allow(unreachable_patterns)]
            match info { #message #(#others)* other => cx.note_unhandled(&other) }
            ::core::result::Result::Ok(())
        }
    })
}

/// The widest visibility of a method that is sent to.
fn visibility(server: &Server) -> Visibility {
    let rank = |visibility: &Visibility| match visibility {
        Visibility::Public(_) => 2,
        Visibility::Restricted(_) => 1,
        Visibility::Inherited => 0,
    };
    calls(server)
        .chain(casts(server))
        .map(|method| &method.function.vis)
        .max_by_key(|visibility| rank(visibility))
        .cloned()
        .unwrap_or(Visibility::Inherited)
}

fn client(server: &Server) -> TokenStream {
    let noex = &server.noex;
    let name = format_ident!("{}Client", server.name);
    let this = &server.block.self_ty;
    let (visibility, lints) = (visibility(server), lints());
    let generics = &server.block.generics;
    let bounds = &generics.where_clause;
    let (_, parameters, _) = generics.split_for_impl();
    let methods = calls(server).map(|method| ask(server, method));
    let sends = casts(server).map(|method| send(server, method));
    let target: Type = syn::parse_quote!(__Target);
    let mut over = generics.clone();
    over.params
        .push(syn::parse_quote!(#target: #noex::Reach<#this> + ?::core::marker::Sized));
    let (over, _, _) = over.split_for_impl();
    let doc = format!(
        "The methods of [`{}`] as its clients call them.",
        server.name
    );
    quote! {
        #[doc = #doc] #lints
        #visibility trait #name #generics: #noex::Reach<#this> #bounds { #(#methods)* #(#sends)* }
        impl #over #name #parameters for #target #bounds {}
    }
}

fn docs(method: &Method) -> impl Iterator<Item = &Attribute> {
    let carried = ["cfg", "doc", "deprecated"];
    let attributes = method.function.attrs.iter();
    attributes.filter(move |attribute| carried.iter().any(|name| attribute.path().is_ident(name)))
}

fn ask(server: &Server, method: &Method) -> TokenStream {
    let (noex, this) = (&server.noex, &server.block.self_ty);
    let message = format_ident!("{}Call", server.name);
    let name = &method.function.sig.ident;
    let (docs, names, types) = (docs(method), names(method), &method.arguments);
    let (variant, reply) = (variant(name), reply(method));
    let mut made = quote! {
        <Self as #noex::Reach<#this>>::call(self, move |reply| #message::#variant(#(#names,)* reply))
    };
    if let Role::Call(Some(timeout)) = method.role {
        let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        made = quote! {
            #noex::CallFuture::timeout(#made, ::core::time::Duration::from_millis(#millis))
        };
    }
    quote! {
        #(#docs)*
        fn #name(&self, #(#names: #types),*) -> <Self as #noex::Reach<#this>>::Call<'_, #reply> { #made }
    }
}

fn send(server: &Server, method: &Method) -> TokenStream {
    let (noex, this) = (&server.noex, &server.block.self_ty);
    let message = format_ident!("{}Cast", server.name);
    let name = &method.function.sig.ident;
    let (docs, names, types, variant) = (
        docs(method),
        names(method),
        &method.arguments,
        variant(name),
    );
    quote! {
        #(#docs)*
        fn #name(&self, #(#names: #types),*)
            -> ::core::result::Result<(), #noex::SendError<<#this as #noex::GenServer>::Cast>>
        {
            <Self as #noex::Reach<#this>>::cast(self, #message::#variant(#(#names,)*))
        }
    }
}
