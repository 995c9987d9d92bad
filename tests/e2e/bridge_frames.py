"""Frames as a container may forge them, and who sees them: for tests of the bridge's rules."""

import contextlib
import json
import select
import socket
import struct
import time

ARP, IP4, IP6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100
BROADCAST = "ff:ff:ff:ff:ff:ff"
TCP, UDP, ICMP6 = 6, 17, 58
QUIET_SECONDS = 0.3  # long enough for a frame to cross a bridge


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def mac_of(host, device="eth0"):
    return json.loads(host.run("ip", "-j", "link", "show", "dev", device).stdout)[0]["address"]


def ip(text):
    return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)


def local_address(text):
    """The link-local address of a MAC."""
    b = bytearray(mac(text))
    b[0] ^= 2
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + b[:3] + b"\xff\xfe" + b[3:])


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(source, target, kind, payload):
    return mac(target) + mac(source) + struct.pack("!H", kind) + payload


def ip4(source, target, payload=b"", protocol=253):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 1, 0, 64, protocol, 0) + ip(source) + ip(target)
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ip6(source, target, payload=b"", protocol=253):
    return struct.pack("!IHBB", 6 << 28, len(payload), protocol, 255) + ip(source) + ip(target) + payload


def udp(sport, dport, data=b""):
    return struct.pack("!HHHH", sport, dport, 8 + len(data), 0) + data


def syn(sport, dport):
    return struct.pack("!HHIIBBHHH", sport, dport, 1, 0, 5 << 4, 2, 1024, 0, 0)


def icmp6(source, target, kind, body):
    """Type, code 0 and the rest, with its checksum."""
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = ip(source) + ip(target) + struct.pack("!II", len(message), ICMP6)
    message = message[:2] + struct.pack("!H", checksum(pseudo + message)) + message[4:]
    return ip6(source, target, message, ICMP6)


def arp(ether_source, source, target, operation=1):
    return struct.pack("!HHBBH", 1, IP4, 6, 4, operation) + mac(ether_source) + ip(source) + bytes(6) + ip(target)


class Wire:
    """A raw socket on a host's interface: sends frames, and collects those with a mark in them."""

    def __init__(self, host, device="eth0"):
        with host.net():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind((device, 0))

    def send(self, frame):
        self.socket.send(frame)

    def seen(self, *frames):
        """Which of the frames came, by their place in the list, until it is quiet."""
        found = set()
        end = time.monotonic() + QUIET_SECONDS
        while (left := end - time.monotonic()) > 0 and len(found) < len(frames):
            if not select.select([self.socket], [], [], left)[0]:
                break
            got = self.socket.recv(4096)
            found |= {i for i, f in enumerate(frames) if got[:len(f)] == f}
        return found

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.close()
