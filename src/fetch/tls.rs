//! What secure connections are made with: whom to trust, how to name ourselves, which versions.
//!
//! Files that the settings name are read and checked when the fetcher is made, so that a mistake in them ends the run before its first
//! request; the authorities of the system and of Mozilla are only read when the first secure connection is opened, because that
//! takes longer than fetching a page from next door.

mod files;
mod given;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};

use self::files::Identity;
pub use self::files::TlsFileError;
use self::verify::{Nothing, Telling};
pub(super) use self::verify::{SelfSigned, UnknownIssuer};

/// What secure connections are made with.
#[derive(Clone, Debug, Default)]
pub struct TlsSettings {
    /// Files of authorities (PEM) that are trusted too, beside those of the system and of Mozilla; or of servers that have signed
    /// theirs themselves. Default: none.
    pub authorities: Vec<PathBuf>,
    /// The file (PEM) of the certificate that is shown to servers which ask for one, with those between it and its authority.
    /// Default: none.
    pub certificate: Option<PathBuf>,
    /// The file (PEM) of that certificate's private key. Default: the file of the certificate.
    pub key: Option<PathBuf>,
    /// Whether servers are believed whoever they say they are. Default: no.
    pub insecure: bool,
    /// The oldest version that is spoken. Default: 1.2.
    pub min_version: MinTls,
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MinTls {
    /// TLS 1.2.
    #[default]
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// The settings with their files read, and what is made of them when it is first needed.
#[derive(Debug)]
pub(super) struct Tls {
    /// The authorities of the user's files.
    given: Vec<CertificateDer<'static>>,
    identity: Option<Identity>,
    insecure: bool,
    min_version: MinTls,
    config: OnceLock<Result<ClientConfig, String>>,
}

impl Tls {
    /// Reads and checks the files.
    pub(super) fn new(settings: &TlsSettings) -> Result<Self, TlsFileError> {
        let mut given = Vec::new();
        for path in &settings.authorities {
            given.extend(files::authorities(path)?);
        }
        let identity = files::identity(settings.certificate.as_deref(), settings.key.as_deref())?;
        let TlsSettings { insecure, min_version, .. } = *settings;
        Ok(Self { given, identity, insecure, min_version, config: OnceLock::new() })
    }

    /// The configuration of a client that opens secure connections. One for all, so that they resume each other's sessions.
    pub(super) fn config(&self) -> Result<ClientConfig, String> {
        self.config.get_or_init(|| self.build()).clone()
    }

    fn build(&self) -> Result<ClientConfig, String> {
        let provider = CryptoProvider::get_default().expect("the fetcher has installed one");
        let versions: &[&rustls::SupportedProtocolVersion] = match self.min_version {
            MinTls::V1_2 => rustls::ALL_VERSIONS,
            MinTls::V1_3 => &[&rustls::version::TLS13],
        };
        let builder = ClientConfig::builder_with_provider(Arc::clone(provider)).with_protocol_versions(versions);
        let builder = builder.map_err(|error| error.to_string())?.dangerous();
        let builder = if self.insecure {
            builder.with_custom_certificate_verifier(Arc::new(Nothing))
        } else {
            let roots = Arc::new(roots(&self.given));
            let rustls = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(provider)).build();
            let rustls = rustls.map_err(|error| error.to_string())?;
            builder.with_custom_certificate_verifier(Arc::new(Telling { rustls, given: self.given.clone() }))
        };
        let mut config = match &self.identity {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| error.to_string())?
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The authorities of the user, of the system and of Mozilla together, so that neither a slim container nor a private authority is
/// left out. What rustls cannot read is left out: one broken certificate in the system's store must not end all TLS.
fn roots(given: &[CertificateDer<'static>]) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(given.iter().cloned());
    let native = rustls_native_certs::load_native_certs();
    for error in native.errors {
        tracing::debug!(%error, "a system certificate store cannot be read");
    }
    roots.add_parsable_certificates(native.certs);
    roots.add_parsable_certificates(webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().cloned());
    roots
}
