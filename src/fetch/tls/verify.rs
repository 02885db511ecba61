//! Who is believed: whoever rustls believes, with a better word for why not; or everybody.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use webpki::EndEntityCert;

use super::given;

/// A server's certificate was signed by itself.
#[derive(Debug)]
pub(in super::super) struct SelfSigned;

/// A server's certificate was signed by nobody we trust.
#[derive(Debug)]
pub(in super::super) struct UnknownIssuer(
    /// Who signed it, as it says itself.
    pub(in super::super) Option<String>,
);

impl fmt::Display for SelfSigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("self-signed")
    }
}

impl fmt::Display for UnknownIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown issuer")
    }
}

impl std::error::Error for SelfSigned {}
impl std::error::Error for UnknownIssuer {}

/// What rustls decides, where it only says that it does not know who signed a certificate with who did; but a server's very
/// certificate that was given to us is believed however it is made.
#[derive(Debug)]
pub(super) struct Telling {
    pub(super) rustls: Arc<WebPkiServerVerifier>,
    pub(super) given: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Telling {
    fn verify_server_cert(
        &self,
        own: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.rustls.verify_server_cert(own, others, name, ocsp, now).or_else(|error| match &error {
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => Err(unknown(own, others)),
            // Somebody whom we trust has the same name.
            Error::InvalidCertificate(CertificateError::BadSignature) if is_self_signed(own) => Err(other(SelfSigned)),
            // What a server signs itself is often made as if it were an authority.
            Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))
                if matches!(inner.downcast_ref(), Some(webpki::Error::CaUsedAsEndEntity)) =>
            {
                if self.given.iter().any(|given| given == own) {
                    given::verify(own, name, now).map(|()| ServerCertVerified::assertion())
                } else {
                    Err(if is_self_signed(own) { other(SelfSigned) } else { error })
                }
            }
            _ => Err(error),
        })
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.rustls.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.rustls.supported_verify_schemes()
    }
}

fn other(why: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(why))))
}

fn is_self_signed(certificate: &CertificateDer<'_>) -> bool {
    EndEntityCert::try_from(certificate).is_ok_and(|own| own.issuer() == own.subject())
}

fn unknown(own: &CertificateDer<'_>, others: &[CertificateDer<'_>]) -> Error {
    if is_self_signed(own) {
        return other(SelfSigned);
    }
    // The last one that it sends is the nearest to the authority.
    let last = others.last().unwrap_or(own);
    other(UnknownIssuer(EndEntityCert::try_from(last).ok().and_then(|last| common_name(last.issuer()))))
}

/// The common name in a distinguished name (DER), as far as it is text.
fn common_name(name: &[u8]) -> Option<String> {
    const OID: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    let at = memchr::memmem::rfind(name, &OID)? + OID.len();
    let [_kind, length, rest @ ..] = name.get(at..)? else { return None };
    // One byte tells a length of up to 127, and a common name has at most 64 characters.
    let text = rest.get(..usize::from(*length)).filter(|_| *length < 128)?;
    Some(String::from_utf8_lossy(text).into_owned()).filter(|text| !text.is_empty())
}

/// Believes everybody.
#[derive(Debug)]
pub(super) struct Nothing;

impl ServerCertVerifier for Nothing {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![
            SignatureScheme::ECDSA_NISTP256_SHA256,
            SignatureScheme::ECDSA_NISTP384_SHA384,
            SignatureScheme::ECDSA_NISTP521_SHA512,
            SignatureScheme::ED25519,
            SignatureScheme::ED448,
            SignatureScheme::RSA_PSS_SHA256,
            SignatureScheme::RSA_PSS_SHA384,
            SignatureScheme::RSA_PSS_SHA512,
            SignatureScheme::RSA_PKCS1_SHA256,
            SignatureScheme::RSA_PKCS1_SHA384,
            SignatureScheme::RSA_PKCS1_SHA512,
            SignatureScheme::RSA_PKCS1_SHA1,
            SignatureScheme::ECDSA_SHA1_Legacy,
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_found_where_there_is_one() {
        // A country, an organisation, and the name.
        let name = b"\x31\x0b\x30\x09\x06\x03\x55\x04\x06\x13\x02CH\x31\x10\x30\x0e\x06\x03\x55\x04\x03\x0c\x07Test CA";
        assert_eq!(common_name(name).as_deref(), Some("Test CA"));
        assert_eq!((common_name(&name[..13]), common_name(&name[..name.len() - 1]), common_name(b"")), (None, None, None));
        for end in 0..name.len() {
            let _ = common_name(&name[..end]);
        }
    }
}
