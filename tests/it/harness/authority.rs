//! A certificate authority of a test's own, so that https can be tried with and without trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::PrivateKeyDer;
use tempfile::TempDir;

/// What a server's certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// The site's own names, still valid.
    Good,
    /// The site's own names, valid until 2001.
    Expired,
    /// Another host's name.
    OtherHost,
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
        let names = if leaf == Leaf::OtherHost {
            vec!["other.test".to_owned()]
        } else {
            vec!["127.0.0.1".to_owned(), "localhost".to_owned()]
        };
        let mut params = CertificateParams::new(names).expect("the names are well formed");
        if leaf == Leaf::Expired {
            (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
        }
        let key = KeyPair::generate().expect("ring makes keys");
        let certificate = params.signed_by(&key, &self.issuer).expect("the authority signs");
        let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("rcgen writes PKCS #8");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows both versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], secret)
            .expect("the key is the certificate's");
        Arc::new(config)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;
    use std::sync::Arc;

    use rustls::crypto::ring;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

    use super::{Authority, Leaf};
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
