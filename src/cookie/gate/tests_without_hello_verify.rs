use super::*;

#[test]
fn cookies_cannot_be_used_in_a_build_without_them() {
    let hello = ClientHello {
        version: ProtocolVersion::DTLS1_2,
        random: [0; 32],
        session_id: vec![],
        cookie: vec![],
        cipher_suites: vec![crate::wire::CipherSuite(0xc02b)],
        compression_methods: vec![0],
        extensions: Default::default(),
    }
    .encode();
    let mut datagram = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    datagram.push(hello.len() as u8 + 12);
    datagram.extend([1, 0, 0, hello.len() as u8, 0, 0, 0, 0, 0, 0, 0]);
    datagram.push(hello.len() as u8);
    datagram.extend(hello);

    let mut reply = ReplyBuffer::new();
    let mut check = |verification| {
        let gate = Gate::new(verification, Choices13::default());
        match gate.check(b"client", &datagram, Duration::ZERO, &mut reply) {
            Verdict::Verified(hello) => Some(hello.message_seq()),
            Verdict::NoContext => None,
            other => panic!("{other:?}"),
        }
    };
    let context = Arc::new(CookieContext::new().unwrap());
    assert_eq!(check(HelloVerification::Cookies(context)), None);
    assert_eq!(check(HelloVerification::Waived), Some(0));
}
