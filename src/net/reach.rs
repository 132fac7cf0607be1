//! Which addresses may be called at all. Asked of every address a name
//! resolves to, and the connection goes to exactly that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Whether an account may point there. Loopback and private networks are where
/// mail servers live; link-local addresses and the metadata services of clouds
/// are where a borrowed admin account would look for keys.
pub fn may_be_called(address: IpAddr) -> bool {
    match embedded_v4(address) {
        IpAddr::V4(v4) => {
            !(v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_multicast()
                || METADATA_V4.contains(&v4))
        }
        IpAddr::V6(v6) => {
            !(v6.is_unicast_link_local()
                || v6.is_unspecified()
                || v6.is_multicast()
                || METADATA_V6.contains(&v6))
        }
    }
}

/// Metadata services outside the link-local range: Alibaba, Azure.
const METADATA_V4: [Ipv4Addr; 2] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(168, 63, 129, 16)];
/// AWS, Google.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254),
];

/// Whether what is sent there stays on this machine. An address that merely
/// embeds 127.0.0.1 does not: it goes to some translator first.
pub fn is_this_machine(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The IPv4 address an IPv6 address stands for: mapped, NAT64 (RFC 6052 §2.1)
/// or 6to4 (RFC 3056 §2); otherwise the address itself.
fn embedded_v4(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [a, b, c, d, e, f, g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        let ([w, x], [y, z]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(w, x, y, z))
    };
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => v4(g, h),
        // `::` and `::1` are themselves; other addresses of this form are the old IPv4-compatible ones.
        [0, 0, 0, 0, 0, 0] if g != 0 => v4(g, h),
        [0x2002, ..] => v4(b, c),
        _ => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_local_and_metadata_addresses_are_never_called() {
        for forbidden in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "100.100.100.200",
            "168.63.129.16",
            "fe80::1",
            "::",
            "ff02::1",
            "fd00:ec2::254",
            "fd20:ce::254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::169.254.169.254",
        ] {
            assert!(!may_be_called(forbidden.parse().unwrap()), "{forbidden}");
        }
        for allowed in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "192.168.1.1",
            "fd12::1",
            "203.0.113.5",
            "2001:db8::1",
            "::ffff:127.0.0.1",
        ] {
            assert!(may_be_called(allowed.parse().unwrap()), "{allowed}");
        }
    }

    #[test]
    fn only_true_loopback_is_this_machine() {
        let check = |address: &str| is_this_machine(address.parse().unwrap());
        assert!(
            check("127.0.0.1") && check("127.9.9.9") && check("::1") && check("::ffff:127.0.0.1")
        );
        assert!(!check("64:ff9b::7f00:1") && !check("2002:7f00:1::1") && !check("10.0.0.1"));
    }
}
