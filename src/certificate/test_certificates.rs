//! Certificates made for the tests.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// An authority that issues whatever is asked for.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        Authority(CertifiedIssuer::self_signed(authority(name), key).unwrap())
    }

    /// An authority that this one vouches for.
    pub(super) fn subordinate(&self, name: &str) -> Self {
        self.subordinate_with(name, |_| ())
    }

    /// The same, with something else in its certificate.
    pub(super) fn subordinate_with(
        &self,
        name: &str,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority(name);
        change(&mut params);
        Authority(CertifiedIssuer::signed_by(params, key, &self.0).unwrap())
    }

    pub(super) fn certificate(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    pub(super) fn issue(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Vec<u8> {
        let mut params = leaf(names);
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &self.0).unwrap().der().to_vec()
    }
}

/// A certificate of the key, signed by itself, in PEM.
pub(super) fn self_signed_pem(
    pkcs8_pem: &str,
    change: impl FnOnce(&mut CertificateParams),
) -> String {
    let mut params = leaf(&["device.example"]);
    change(&mut params);
    let key = KeyPair::from_pem(pkcs8_pem).unwrap();
    params.self_signed(&key).unwrap().pem()
}

/// The same in DER.
pub(super) fn self_signed(pkcs8_pem: &str, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
    let pem = self_signed_pem(pkcs8_pem, change);
    super::pem::certificates(pem.as_bytes()).unwrap().remove(0)
}

fn leaf(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "leaf");
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}
