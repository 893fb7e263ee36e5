//! Networks: links, addresses and an echo, by netlink(7) and raw sockets; and
//! sockets that listen and connect.

mod link;
mod sockets;
