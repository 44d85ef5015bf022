//! An authority and a server's certificate, both P-256, made for one run.

use super::Outcome;
use flightline::{
    ClientConfig, Identity, ProtocolVersion, RootCertificates, ServerConfig, ServerIdentity,
    ServerName, ServerTrust,
};
use rcgen::{
    BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PKCS_ECDSA_P256_SHA256,
};
use std::sync::Arc;

const NAME: &str = "server.test";

/// A server's configuration, and its authority's certificate in hexadecimal, which its clients are given.
pub(crate) fn server() -> Outcome<(Arc<ServerConfig>, String)> {
    let new_key = || KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256);
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = new_key()?;
    let ca_certificate = ca.self_signed(&ca_key)?;
    let issuer = Issuer::new(ca, ca_key);

    let mut leaf = CertificateParams::new([NAME.to_owned()])?;
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = new_key()?;
    let certificate = leaf.signed_by(&key, &issuer)?;
    let identity =
        Identity::from_pem(certificate.pem().as_bytes(), key.serialize_pem().as_bytes())?;
    let config = ServerConfig::builder(ServerIdentity::certificate(identity)).build()?;
    let digits = ca_certificate
        .der()
        .iter()
        .map(|byte| format!("{byte:02x}"));
    Ok((Arc::new(config), digits.collect()))
}

/// Which versions a client offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Offer {
    #[value(name = "1.2")]
    Only12,
    /// Both, as by default.
    #[value(name = "1.3")]
    Default,
}

/// A client's configuration. `ca` is what [`server`] gave.
pub(crate) fn client(ca: &str, offer: Offer) -> Outcome<Arc<ClientConfig>> {
    let digits: Vec<_> = ca.as_bytes().chunks(2).collect();
    let bytes: Vec<u8> = digits
        .into_iter()
        .map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?))
        .collect::<Outcome<_>>()?;
    let roots = RootCertificates::from_der([bytes])?;
    // Every client is one that comes for the first time.
    let builder = ClientConfig::builder(ServerTrust::roots(roots)).without_resumption();
    let builder = match offer {
        Offer::Only12 => builder.versions([ProtocolVersion::DTLS1_2]),
        Offer::Default => builder,
    };
    Ok(Arc::new(builder.build()?))
}

pub(crate) fn server_name() -> Outcome<ServerName> {
    Ok(ServerName::new(NAME)?)
}
