//! tonic, unary, over a Unix socket: no hub between.

use std::convert::Infallible;
use std::path::Path;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use hyper_util::rt::TokioIo;
use tokio::net::{UnixListener, UnixStream};
use tokio_stream::wrappers::UnixListenerStream;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::{NamedService, UnaryService};
use tonic::transport::{Endpoint, Server, Uri};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;

use crate::load;
use crate::payload::Order;

#[derive(Clone)]
struct Echo;

impl UnaryService<Order> for Echo {
    type Response = Order;
    type Future = BoxFuture<'static, Result<Response<Order>, Status>>;

    fn call(&mut self, request: Request<Order>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(request.into_inner())) })
    }
}

impl NamedService for Echo {
    const NAME: &'static str = "bench.Echo";
}

impl tower::Service<http::Request<Body>> for Echo {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::<Order, Order>::default());
            Ok(grpc.unary(Echo, request).await)
        })
    }
}

pub async fn service(socket: &Path) {
    let listener = UnixListener::bind(socket).expect("binds");
    Server::builder()
        .add_service(Echo)
        .serve_with_incoming(UnixListenerStream::new(listener))
        .await
        .expect("serves");
}

pub async fn caller(socket: &Path) {
    let path = socket.to_owned();
    let connect = tower::service_fn(move |_: Uri| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    let channel = Endpoint::from_static("http://bench")
        .connect_with_connector(connect)
        .await
        .expect("connects");
    let order = Order::one_kilobyte();
    load::run(|| async {
        let mut grpc = tonic::client::Grpc::new(channel.clone());
        grpc.ready().await.expect("ready");
        let path = http::uri::PathAndQuery::from_static("/bench.Echo/Echo");
        let codec = ProstCodec::<Order, Order>::default();
        let answer = grpc
            .unary(Request::new(order.clone()), path, codec)
            .await
            .expect("an answer");
        assert_eq!(answer.into_inner().lines.len(), order.lines.len());
    })
    .await;
}
