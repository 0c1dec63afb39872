"""Which process made a connection on this machine, out of /proc (proc(5): /proc/net/tcp, /proc/PID/fd)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable, Iterator
from pathlib import Path


def connecting_process(peer: tuple[str, int], local: tuple[str, int], candidates: Iterable[int]) -> int | None:
    """The process among `candidates` that holds the other end of a connection accepted here.

    Args:
        peer, local: IPv4 address and port of the other end and of ours.
    """
    inode = _inode(peer, local)
    if inode is None:
        return None
    link = f"socket:[{inode}]"
    return next((pid for pid in candidates if link in _open_files(pid)), None)


def _inode(theirs: tuple[str, int], ours: tuple[str, int]) -> str | None:
    """The inode of the socket at `theirs`. A JVM's is in tcp6, its IPv4 addresses mapped."""
    for table, prefix in (("tcp", ""), ("tcp6", "0000000000000000FFFF0000")):
        ends = " ".join(f"{prefix}{_hexadecimal(host)}:{port:04X}" for host, port in (theirs, ours))
        content = Path("/proc/net", table).read_bytes()
        start = content.find(f" {ends} ".encode())
        if start >= 0:
            # After the two addresses: state, queues, timer, retransmits, uid, timeout, inode.
            return content[start : start + 250].split()[8].decode()
    return None


def _hexadecimal(host: str) -> str:
    """An IPv4 address as the kernel prints it: the four bytes as one little-endian number."""
    return socket.inet_aton(host)[::-1].hex().upper()


def _open_files(pid: int) -> Iterator[str]:
    """What the descriptors of a process lead to. It may end, or close one, while we look."""
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(descriptor.readlink())
