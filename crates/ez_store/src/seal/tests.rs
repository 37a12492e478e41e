use super::*;

fn key() -> MasterKey {
    MasterKey::from_bytes(&[7; 32]).unwrap()
}

#[test]
fn what_was_sealed_opens_in_its_place_only() {
    let sealed = key().seal("geheim", "stream-key:1").unwrap();
    assert!(sealed.starts_with("v1.") && !sealed.contains("geheim"), "{sealed}");
    assert_eq!(key().open(&sealed, "stream-key:1").unwrap().expose(), "geheim");
    assert_eq!(key().open(&sealed, "stream-key:2").unwrap_err(), SealError::Refused);
    let other = MasterKey::from_bytes(&[8; 32]).unwrap();
    assert_eq!(other.open(&sealed, "stream-key:1").unwrap_err(), SealError::Refused);
}

#[test]
fn sealing_twice_gives_two_texts() {
    assert_ne!(key().seal("a", "c").unwrap(), key().seal("a", "c").unwrap());
}

#[test]
fn no_changed_or_cut_text_opens() {
    let sealed = key().seal("geheim", "c").unwrap();
    let packed = URL_SAFE_NO_PAD.decode(sealed.strip_prefix(VERSION).unwrap()).unwrap();
    for bit in 0..packed.len() * 8 {
        let mut changed = packed.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let text = format!("{VERSION}{}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(key().open(&text, "c").unwrap_err(), SealError::Refused, "bit {bit}");
    }
    for length in 0..sealed.len() {
        assert!(key().open(&sealed[..length], "c").is_err(), "length {length}");
    }
    for malformed in ["", "v1.", "v2.AAAA", "v1.*", "geheim", "v1.AAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(key().open(malformed, "c").unwrap_err(), SealError::Malformed, "{malformed}");
    }
}

#[test]
fn the_index_depends_on_text_and_master_key() {
    assert_eq!(key().index("a"), key().index("a"));
    assert_eq!(key().index("a").len(), 64);
    assert_ne!(key().index("a"), key().index("b"));
    assert_ne!(key().index("a"), MasterKey::from_bytes(&[8; 32]).unwrap().index("a"));
    // The index is no plain hash of the text.
    assert_ne!(key().index("a"), hex(digest::digest(&digest::SHA256, b"a").as_ref()));
}

#[test]
fn a_master_key_is_read_from_64_hexadecimal_digits() {
    let text = MasterKey::random_hex();
    let spaced = format!(" {}\n", text.expose());
    let sealed = MasterKey::from_hex(text.expose()).unwrap().seal("x", "c").unwrap();
    assert_eq!(MasterKey::from_hex(&spaced).unwrap().open(&sealed, "c").unwrap().expose(), "x");
    let upper = text.expose().to_uppercase();
    assert!(MasterKey::from_hex(&upper).unwrap().open(&sealed, "c").is_ok());
    let zeros = "0".repeat(62);
    for bad in
        ["", "00", &format!("{zeros}0"), &format!("{zeros}0g"), &format!("{zeros}+1"), &format!("{zeros}é")]
    {
        assert_eq!(MasterKey::from_hex(bad).unwrap_err(), SealError::MasterKey, "{bad}");
    }
}

#[test]
fn nothing_prints_the_master_key() {
    assert_eq!(format!("{:?}", key()), "MasterKey(***)");
}

#[test]
fn a_verifier_accepts_its_stream_key_only() {
    let stream_key = random_stream_key();
    let (salt, hash) = stream_key_verifier(stream_key.expose());
    assert!(verify(&salt, &hash, stream_key.expose()));
    for wrong in [
        "",
        "x",
        &stream_key.expose()[1..],
        &stream_key.expose().to_uppercase().replace(|c: char| c.is_ascii_digit(), "x"),
    ] {
        assert!(!verify(&salt, &hash, wrong), "{wrong}");
    }
    assert!(!verify("another salt", &hash, stream_key.expose()));
    assert!(!verify(&salt, "", stream_key.expose()));
    assert_ne!(stream_key_verifier("a").1, stream_key_verifier("a").1, "salts differ");
}

#[test]
fn the_verifier_is_the_documented_hash() {
    // printf 'salt\0key' | sha256sum
    let expected = "6e5d6c6f47d14756929b54da1582bdca5677ec6d92e0a1f756e5a73dd839067c";
    assert_eq!(salted_hash("salt", "key"), expected);
    assert!(verify("salt", expected, "key"));
}

#[test]
fn stream_keys_are_128_bits_of_lower_case_and_all_different() {
    let keys: std::collections::HashSet<String> =
        (0..1000).map(|_| random_stream_key().expose().clone()).collect();
    assert_eq!(keys.len(), 1000);
    assert!(keys.iter().all(|key| key.len() == 32
        && key.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))));
}
