//! Who knows the addresses of names: the system, or whoever stands in for it.

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower_service::Service;

/// The addresses of a name, on their way.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Finds the addresses of names. Asked once for each connection, and what it answers is what is dialled.
pub trait Lookup: Debug + Send + Sync {
    /// The addresses of a name, in the order in which they are to be tried. Their ports are not looked at.
    ///
    /// # Errors
    /// The name has no address: [`NotFound`](io::ErrorKind::NotFound) where asking again would not help.
    fn look_up(&self, name: &str) -> Found;
}

/// The system's resolver. It does its work on the runtime's pool for what blocks and caches what it caches; a lookup that nobody
/// waits for any more is dropped if it has not begun. One that has cannot be stopped: a program that must not wait for it ends
/// its runtime with `shutdown_background`.
#[derive(Clone, Copy, Debug, Default)]
pub struct System;

impl Lookup for System {
    fn look_up(&self, name: &str) -> Found {
        let name = name.parse::<Name>();
        Box::pin(async move {
            let name = name.map_err(io::Error::other)?;
            Ok(GaiResolver::new().call(name).await?.collect())
        })
    }
}
