//! A certificate authority of a test's own, so that https can be tried with and without trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, Certificate, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use tempfile::TempDir;

/// What a server's certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// The site's own names, still valid.
    Good,
    /// The site's own names, valid until 2001.
    Expired,
    /// The site's own names, valid from 2090 on.
    NotYet,
    /// Another host's name.
    OtherHost,
    /// The site's own names, signed by itself.
    SelfSigned,
    /// The same, made as if it were an authority.
    OwnAuthority,
}

/// An authority that a client trusts only when it is told to.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().expect("ring makes keys");
        let mut params = CertificateParams::new(Vec::new()).expect("no names, so none is wrong");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, "The Test Authority");
        let certificate = params.self_signed(&key).expect("a key signs itself");
        let folder = TempDir::new().expect("there is a folder for temporary files");
        std::fs::write(folder.path().join("ca.pem"), certificate.pem()).expect("the new folder can be written");
        Self { issuer: Issuer::new(params, key), folder }
    }

    /// The file to give as `SSL_CERT_FILE`.
    pub(crate) fn file(&self) -> PathBuf {
        let path: &Path = self.folder.path();
        path.join("ca.pem")
    }

    /// What a server with such a certificate of this authority needs.
    pub(crate) fn server(&self, leaf: Leaf) -> Arc<ServerConfig> {
        self.server_that(leaf, rustls::ALL_VERSIONS, false)
    }

    /// The same for a server that speaks only these versions, and perhaps asks for a certificate of this authority.
    pub(crate) fn server_that(
        &self,
        leaf: Leaf,
        versions: &[&'static SupportedProtocolVersion],
        asks: bool,
    ) -> Arc<ServerConfig> {
        self.server_with(self.signed(leaf), versions, asks)
    }

    /// A server with such a certificate, and that certificate in PEM.
    pub(crate) fn server_and_certificate(&self, leaf: Leaf) -> (Arc<ServerConfig>, String) {
        let (certificate, key) = self.signed(leaf);
        let pem = certificate.pem();
        (self.server_with((certificate, key), rustls::ALL_VERSIONS, false), pem)
    }

    fn server_with(
        &self,
        (certificate, key): (Certificate, KeyPair),
        versions: &[&'static SupportedProtocolVersion],
        asks: bool,
    ) -> Arc<ServerConfig> {
        let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("rcgen writes PKCS #8");
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_protocol_versions(versions).expect("ring knows both versions");
        let builder = if asks {
            let own = CertificateDer::from_pem_file(self.file()).expect("it was written by us");
            let mut roots = RootCertStore::empty();
            roots.add(own).expect("it is an authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
            builder.with_client_cert_verifier(verifier.expect("there is a root"))
        } else {
            builder.with_no_client_auth()
        };
        let chain = vec![certificate.der().clone()];
        Arc::new(builder.with_single_cert(chain, secret).expect("the key is the certificate's"))
    }

    /// A certificate and its key.
    fn signed(&self, leaf: Leaf) -> (Certificate, KeyPair) {
        let names = if leaf == Leaf::OtherHost {
            vec!["other.test".to_owned()]
        } else {
            vec!["127.0.0.1".to_owned(), "localhost".to_owned()]
        };
        let mut params = CertificateParams::new(names).expect("the names are well formed");
        match leaf {
            Leaf::Expired => (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1)),
            Leaf::NotYet => (params.not_before, params.not_after) = (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1)),
            Leaf::OwnAuthority => params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained),
            _ => {}
        }
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = match leaf {
            Leaf::SelfSigned | Leaf::OwnAuthority => params.self_signed(&key).expect("a key signs itself"),
            _ => params.signed_by(&key, &self.issuer).expect("the authority signs"),
        };
        (certificate, key)
    }

    /// A certificate of this authority for a client, and its key, in PEM.
    pub(crate) fn client(&self) -> (String, String) {
        let (certificate, key) = self.signed(Leaf::Good);
        (certificate.pem(), key.serialize_pem())
    }
}

/// A server whose certificate is signed with SHA-1, and the file of the authority that did so: nothing here would sign like that.
pub(crate) fn signed_with_sha1() -> (Arc<ServerConfig>, PathBuf) {
    let chain = vec![CertificateDer::from_pem_slice(include_bytes!("sha1/leaf.pem")).expect("openssl wrote it")];
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("sha1/leaf.key")).expect("openssl wrote it");
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("ring knows both versions").with_no_client_auth();
    let config = builder.with_single_cert(chain, key).expect("the key is the certificate's");
    (Arc::new(config), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/harness/sha1/ca.pem"))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use rustls::{ClientConfig, ClientConnection, StreamOwned};

    use super::*;
    use crate::harness::{Reply, Site};

    /// What a client that trusts only this authority gets from the site.
    fn get(site: &Site, authority: &Authority) -> std::io::Result<String> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority.file()).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = site.url("").replace("https://", "");
        let session = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
        let mut stream = StreamOwned::new(session, TcpStream::connect(&host)?);
        write!(stream, "GET / HTTP/1.1\r\nHost: {host}\r\n\r\n")?;
        let mut reply = [0; 12];
        stream.read_exact(&mut reply)?;
        Ok(String::from_utf8_lossy(&reply).into_owned())
    }

    #[test]
    fn only_a_good_certificate_of_a_trusted_authority_is_answered() {
        let (trusted, other) = (Authority::new(), Authority::new());
        for (leaf, asked, good) in [
            (Leaf::Good, &trusted, true),
            (Leaf::Good, &other, false),
            (Leaf::Expired, &trusted, false),
            (Leaf::OtherHost, &trusted, false),
        ] {
            let site = Site::tls(&trusted, leaf);
            site.page("/", Reply::title("x"));
            assert_eq!(get(&site, asked).is_ok_and(|reply| reply == "HTTP/1.1 200"), good, "{leaf:?}");
            assert_eq!(site.hits().len(), usize::from(good));
        }
    }
}
