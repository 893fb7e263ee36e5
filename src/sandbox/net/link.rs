//! Network devices over rtnetlink(7), and one ICMP echo. No program is called:
//! the learner's machine may have neither ip(8) nor ping(8).

use crate::base::{Errno, chain, literal};
use crate::plan::{Ending, Need, Place, Unit, Value, Veth};
use crate::sandbox::agent::{Agent, Answer, errand};
use crate::sandbox::sys::{self, Forked};
use crate::sandbox::wire::Task;
use crate::sandbox::wire::tracer::{Told, Tracer};
use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    InfoData, InfoKind, InfoVeth, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::{AddressFamily as Family, RouteNetlinkMessage};
use nix::sched::{CloneFlags, setns};
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, SockaddrIn, bind, recv,
    recvfrom, send, sendto, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeVal;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Instant;

/// The name of both ends of a veth pair, each in its own namespace.
const DEVICE: &str = "eth0";

impl Agent {
    /// `link-up`
    pub(in crate::sandbox) fn link_up(&mut self, device: &str) -> Result<(), Errno> {
        link_up(&mut self.tracer, device)
    }

    /// `veth`, carried out by an agent that may act in both network namespaces.
    pub(in crate::sandbox) fn veth(&mut self, task: &Task, veth: &Veth) -> Answer {
        let mut ends = Vec::new();
        for (name, address) in veth.between.iter().zip(&veth.addresses) {
            let Some(standing) = task.boxes.get(name) else {
                return Err(self
                    .tracer
                    .broken(format!("`veth`: the box `{name}` does not exist")));
            };
            let Some((ip, prefix)) = parse(address) else {
                let message =
                    format!("`{address}` is not an address: expected one like 10.0.0.1/24");
                return Err(self.tracer.broken(message));
            };
            let path = format!("/proc/{}/ns/net", standing.pid);
            match File::open(&path) {
                Ok(file) => ends.push(End {
                    place: Place::Box(name.clone()),
                    file,
                    path,
                    ip,
                    prefix,
                }),
                Err(error) => return Ok(Err(Errno::from(error))),
            }
        }
        let Ok([a, b]) = <[End; 2]>::try_from(ends) else {
            return Ok(Err(Errno(libc::EINVAL)));
        };
        // A child enters the namespaces, so that this agent stays where it is.
        match sys::fork(self.tracer.one) {
            Err(errno) => Ok(Err(errno)),
            Ok(Forked::Child) => {
                let errno = join_by_veth(&mut self.tracer, &a, &b).err();
                sys::exit_now(errno.map_or(0, |errno| errno.0))
            }
            Ok(Forked::Parent(child)) => {
                match errand::end_of(child, Instant::now() + errand::PATIENCE) {
                    Ok(Ending::Exit(0)) => Ok(Ok(())),
                    Ok(Ending::Exit(errno @ (libc::EPERM | libc::EOPNOTSUPP))) => {
                        let errno = Some(Errno(errno));
                        Err(self
                            .tracer
                            .refused(Need::Veth, "RTM_NEWLINK kind veth", errno))
                    }
                    Ok(Ending::Exit(errno)) => Ok(Err(Errno(errno))),
                    Ok(ending) => Err(self.no_veth(veth, &format!("ended: {ending}"))),
                    Err(why) => Err(self.no_veth(veth, &chain(&why))),
                }
            }
        }
    }

    fn no_veth(&mut self, veth: &Veth, why: &str) -> Told {
        let [a, b] = &veth.between;
        let message = format!("`veth`: the process that joins `{a}` and `{b}` {why}");
        self.tracer.broken(message)
    }

    /// `ping`
    pub(in crate::sandbox) fn ping(&mut self, task: &Task, address: &str) -> Answer {
        let Ok(ip) = address.parse::<Ipv4Addr>() else {
            return Err(self
                .tracer
                .broken(format!("`ping`: `{address}` is not an IPv4 address")));
        };
        Ok(echo(&mut self.tracer, ip).map(|nanos| {
            if let Some(name) = &task.action.result {
                let value = Value::Number(nanos, Unit::Nanos);
                self.tracer.fact(
                    format!("{name}.rtt"),
                    value,
                    "ICMP echo reply, icmp(7)".into(),
                );
            }
        }))
    }
}

/// One end of a pair: whose it is, its network namespace and its address.
struct End {
    place: Place,
    file: File,
    path: String,
    ip: Ipv4Addr,
    prefix: u8,
}

fn parse(address: &str) -> Option<(Ipv4Addr, u8)> {
    let (ip, prefix) = address.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|n| *n <= 32)?;
    Some((ip.parse().ok()?, prefix))
}

/// Makes the pair in one namespace with its peer already in the other, then
/// gives each end its address: at no moment is a device in the host's.
fn join_by_veth(tracer: &mut Tracer, a: &End, b: &End) -> Result<(), Errno> {
    enter(tracer, a)?;
    let mut peer = LinkMessage::default();
    peer.attributes.push(LinkAttribute::IfName(DEVICE.into()));
    peer.attributes
        .push(LinkAttribute::NetNsFd(b.file.as_raw_fd()));
    let mut link = LinkMessage::default();
    link.attributes.push(LinkAttribute::IfName(DEVICE.into()));
    link.attributes.push(LinkAttribute::LinkInfo(vec![
        LinkInfo::Kind(InfoKind::Veth),
        LinkInfo::Data(InfoData::Veth(InfoVeth::Peer(peer))),
    ]));
    let shown = format!(
        "RTM_NEWLINK {DEVICE}, kind veth, peer {DEVICE} in {}",
        b.path
    );
    request(
        tracer,
        RouteNetlinkMessage::NewLink(link),
        NLM_F_CREATE | NLM_F_EXCL,
        &shown,
    )?;
    address(tracer, a)?;
    enter(tracer, b)?;
    address(tracer, b)
}

fn enter(tracer: &mut Tracer, end: &End) -> Result<(), Errno> {
    tracer.place = end.place.clone();
    tracer.call(
        "setns",
        format!("{}, CLONE_NEWNET", literal(&end.path)),
        "enter the box's network",
        || setns(&end.file, CloneFlags::CLONE_NEWNET).map_err(Errno::from),
    )
}

fn address(tracer: &mut Tracer, end: &End) -> Result<(), Errno> {
    let mut message = AddressMessage::default();
    message.header.family = Family::Inet;
    message.header.prefix_len = end.prefix;
    message.header.index = nix::net::if_::if_nametoindex(DEVICE)?;
    message
        .attributes
        .push(AddressAttribute::Local(IpAddr::V4(end.ip)));
    message
        .attributes
        .push(AddressAttribute::Address(IpAddr::V4(end.ip)));
    let shown = format!("RTM_NEWADDR {}/{} on {DEVICE}", end.ip, end.prefix);
    request(
        tracer,
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_EXCL,
        &shown,
    )?;
    link_up(tracer, DEVICE)
}

fn link_up(tracer: &mut Tracer, device: &str) -> Result<(), Errno> {
    let mut message = LinkMessage::default();
    message.header.index = nix::net::if_::if_nametoindex(device)?;
    message.header.flags = LinkFlags::Up;
    message.header.change_mask = LinkFlags::Up;
    let shown = format!("RTM_SETLINK {device} IFF_UP");
    request(tracer, RouteNetlinkMessage::SetLink(message), 0, &shown)
}

/// Sends one request to the kernel and awaits its acknowledgement.
fn request(
    tracer: &mut Tracer,
    message: RouteNetlinkMessage,
    flags: u16,
    shown: &str,
) -> Result<(), Errno> {
    let protocol = SockProtocol::NetlinkRoute;
    let fd = socket(
        AddressFamily::Netlink,
        SockType::Raw,
        SockFlag::SOCK_CLOEXEC,
        protocol,
    )?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    let mut packet = NetlinkMessage::from(message);
    packet.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
    packet.header.sequence_number = 1;
    packet.finalize();
    let mut bytes = vec![0; packet.buffer_len()];
    packet.serialize(&mut bytes);
    let socket = fd.as_raw_fd();
    tracer.call(
        "send",
        format!("{socket}, {{{shown}}}"),
        "rtnetlink(7)",
        || {
            send(socket, &bytes, MsgFlags::empty())
                .map(|n| n as i64)
                .map_err(Errno::from)
        },
    )?;
    // The acknowledgement is an NLMSG_ERROR whose error is 0, netlink(7).
    let answer = tracer.call(
        "recv",
        format!("{socket}, {{NLMSG_ERROR}}"),
        "its answer",
        || {
            let mut answer = vec![0; 8192];
            let length = recv(socket, &mut answer, MsgFlags::empty())?;
            let reply = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer[..length])
                .map_err(|_| Errno(libc::EBADMSG))?;
            match reply.payload {
                NetlinkPayload::Error(error) => match error.code {
                    None => Ok(length as i64),
                    Some(code) => Err(Errno(code.get().abs())),
                },
                _ => Err(Errno(libc::EBADMSG)),
            }
        },
    );
    answer.map(drop)
}

/// Sends ICMP echo requests until one is answered, for two seconds at most,
/// and returns the round trip in nanoseconds. A new link may drop the first
/// packets until its carrier is known.
fn echo(tracer: &mut Tracer, ip: Ipv4Addr) -> Result<i64, Errno> {
    let fd: OwnedFd = tracer.call(
        "socket",
        "AF_INET, SOCK_RAW|SOCK_CLOEXEC, IPPROTO_ICMP",
        "",
        || {
            socket(
                AddressFamily::Inet,
                SockType::Raw,
                SockFlag::SOCK_CLOEXEC,
                SockProtocol::Icmp,
            )
            .map_err(Errno::from)
        },
    )?;
    setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::new(0, 100_000))?;
    let [a, b, c, d] = ip.octets();
    let target = SockaddrIn::new(a, b, c, d, 0);
    let started = Instant::now();
    let mut sequence = 0u16;
    loop {
        sequence = sequence.wrapping_add(1);
        let packet = echo_request(sequence);
        let sent = Instant::now();
        let attempt = tracer.call(
            "sendto",
            format!("{}, {{ICMP echo request}}, {ip}", fd.as_raw_fd()),
            "",
            || {
                sendto(fd.as_raw_fd(), &packet, &target, MsgFlags::empty())
                    .map(|n| n as i64)
                    .map_err(Errno::from)
            },
        );
        // Without a route there is nothing to wait for; a full or sleeping queue is.
        if let Err(errno) = attempt
            && !matches!(errno.0, libc::ENOBUFS | libc::ENETDOWN)
        {
            return Err(errno);
        }
        if let Some(length) = answered(&fd, ip, sequence) {
            let took = sent.elapsed();
            let args = format!("{}, {{ICMP echo reply}}, {ip}", fd.as_raw_fd());
            tracer.timed(
                "recvfrom",
                args,
                "the peer's kernel answers",
                &Ok(length),
                took,
            );
            return Ok(took.as_nanos() as i64);
        }
        if started.elapsed().as_secs() >= 2 {
            return Err(attempt.err().unwrap_or(Errno(libc::ETIMEDOUT)));
        }
    }
}

/// An ICMP echo request with a correct checksum, RFC 792.
fn echo_request(sequence: u16) -> [u8; 8] {
    let [high, low] = sequence.to_be_bytes();
    let mut packet = [8, 0, 0, 0, 0x47, 0x42, high, low];
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    packet[2..4].copy_from_slice(&(!(folded as u16)).to_be_bytes());
    packet
}

/// The length of the reply to this request, if it comes before the socket's timeout.
fn answered(fd: &OwnedFd, ip: Ipv4Addr, sequence: u16) -> Option<i64> {
    let mut buffer = [0; 256];
    while let Ok((length, from)) = recvfrom::<SockaddrIn>(fd.as_raw_fd(), &mut buffer) {
        let header = usize::from(buffer[0] & 0x0f) * 4;
        let reply = buffer.get(header..length).unwrap_or_default();
        if from.is_some_and(|from| from.ip() == ip)
            && reply.first() == Some(&0)
            && reply.get(6..8) == Some(&sequence.to_be_bytes())
        {
            return Some(length as i64);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_request_is_that_of_rfc_1071() {
        let packet = echo_request(1);
        let sum: u32 = packet
            .chunks(2)
            .map(|p| u32::from(u16::from_be_bytes([p[0], p[1]])))
            .sum();
        assert_eq!((sum & 0xffff) + (sum >> 16), 0xffff);
    }

    #[test]
    fn addresses_are_read_strictly() {
        assert_eq!(parse("10.0.0.1/24"), Some((Ipv4Addr::new(10, 0, 0, 1), 24)));
        for bad in ["10.0.0.1", "10.0.0.1/33", "10.0.0/24", "x/24", "/24"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
