//! The PEM files that the settings name. What is wrong with one is told before the first request.

use std::io;
use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// A chain of certificates and the key of its first one.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What is wrong with a file of certificates or keys.
#[derive(Debug, thiserror::Error)]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("{option} {}: cannot be read: {error}", .path.display())]
    Read {
        /// The flag that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// It is not what it should be.
    #[error("{option} {}: {what}", .path.display())]
    Content {
        /// The flag that names it.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
    /// There is a key but no certificate.
    #[error("--key {}: a key needs its certificate: give that with --cert", .0.display())]
    Lonely(PathBuf),
}

/// One file and the flag that names it.
#[derive(Clone, Copy)]
struct File<'a> {
    option: &'static str,
    path: &'a Path,
}

impl File<'_> {
    fn read(self) -> Result<Vec<u8>, TlsFileError> {
        let Self { option, path } = self;
        std::fs::read(path).map_err(|error| TlsFileError::Read { option, path: path.to_owned(), error })
    }

    fn bad(self, what: impl Into<String>) -> TlsFileError {
        TlsFileError::Content { option: self.option, path: self.path.to_owned(), what: what.into() }
    }

    /// Its certificates, of which there is at least one.
    fn certificates(self, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
        let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text).collect();
        let all = all.map_err(|error| self.bad(format!("is no whole PEM file: {}", told(&error))))?;
        if all.is_empty() {
            return Err(self.bad("has no certificate in it: a PEM file has one between BEGIN CERTIFICATE and END CERTIFICATE"));
        }
        Ok(all)
    }
}

/// The authorities of one file.
pub(super) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsFileError> {
    let file = File { option: "--cacert", path };
    let all = file.certificates(&file.read()?)?;
    for (at, certificate) in all.iter().enumerate() {
        let added = RootCertStore::empty().add(certificate.clone());
        added.map_err(|error| file.bad(format!("certificate {} of it cannot be used: {error}", at + 1)))?;
    }
    Ok(all)
}

/// The certificate that we show, with its key, if there is one.
pub(super) fn identity(certificate: Option<&Path>, key: Option<&Path>) -> Result<Option<Identity>, TlsFileError> {
    let path = match (certificate, key) {
        (Some(path), _) => path,
        (None, None) => return Ok(None),
        (None, Some(key)) => return Err(TlsFileError::Lonely(key.to_owned())),
    };
    let file = File { option: "--cert", path };
    let text = file.read()?;
    let chain = file.certificates(&text)?;
    let (key_file, key_text) = match key {
        Some(path) => {
            let file = File { option: "--key", path };
            (file, file.read()?)
        }
        None => (file, text),
    };
    let key = PrivateKeyDer::from_pem_slice(&key_text).map_err(|error| key_file.bad(no_key(&key_text, key.is_some(), &error)))?;
    let provider = CryptoProvider::get_default().expect("the fetcher has installed one");
    let signer = provider.key_provider.load_private_key(key.clone_key());
    let signer = signer.map_err(|error| key_file.bad(format!("has a private key of a kind that cannot be used: {error}")))?;
    match CertifiedKey::new(chain.clone(), signer).keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(Some((chain, key))),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(key_file.bad("has the private key of another certificate than that of --cert"))
        }
        Err(error) => Err(file.bad(format!("has a certificate that cannot be used: {error}"))),
    }
}

/// Why there is no private key in a file.
fn no_key(text: &[u8], has_own_file: bool, error: &pem::Error) -> String {
    let encrypted = memchr::memmem::find(text, b"ENCRYPTED").is_some();
    match error {
        _ if encrypted => "has an encrypted private key: decrypt it, for example with `openssl pkey -in FILE -out PLAIN`".into(),
        pem::Error::NoItemsFound if has_own_file => {
            "has no private key in it: a PEM file has one between BEGIN PRIVATE KEY and END PRIVATE KEY".into()
        }
        pem::Error::NoItemsFound => "has no private key beside its certificate: name the key's file with --key".into(),
        error => format!("is no whole PEM file: {}", told(error)),
    }
}

fn told(error: &pem::Error) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match error {
        pem::Error::MissingSectionEnd { end_marker } => {
            format!("the line END {} is missing", text(end_marker))
        }
        pem::Error::IllegalSectionStart { line } => format!("the line {:?} is damaged", text(line)),
        pem::Error::Base64Decode(_) => "what stands between two of its lines is not base64".to_owned(),
        error => error.to_string(),
    }
}
