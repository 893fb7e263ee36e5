//! Networks: links, addresses and an echo, by netlink(7) and raw sockets.

mod link;
