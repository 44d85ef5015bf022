//! Certificates made for the tests.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, PKCS_RSA_SHA256,
    PublicKeyData, SignatureAlgorithm,
};

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

    /// For an RSA key with a modulus of so many bits, which nobody could sign with.
    pub(super) fn issue_rsa(&self, name: &str, bits: usize) -> Vec<u8> {
        let key = RsaKey::of_bits(bits);
        let certificate = leaf(&[name]).signed_by(&key, &self.0).unwrap();
        certificate.der().to_vec()
    }
}

/// RSAPublicKey (RFC 8017 §A.1.1).
struct RsaKey(Vec<u8>);

impl RsaKey {
    fn of_bits(bits: usize) -> RsaKey {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] >>= (8 - bits % 8) % 8;
        let exponent = integer(&[1, 0, 1]);
        RsaKey(element(0x30, &[integer(&modulus), exponent].concat()))
    }
}

fn integer(magnitude: &[u8]) -> Vec<u8> {
    let sign = &[0][..usize::from(magnitude[0] >= 0x80)];
    element(0x02, &[sign, magnitude].concat())
}

/// An element in DER.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let [.., high, low] = length.to_be_bytes();
    let length = match length {
        0..0x80 => vec![low],
        0x80..0x100 => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag], &length[..], content].concat()
}

impl PublicKeyData for RsaKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
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
pub(crate) fn self_signed(pkcs8_pem: &str, change: impl FnOnce(&mut CertificateParams)) -> Vec<u8> {
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
