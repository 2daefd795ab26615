#!/bin/sh
# Makes the captures in this directory again, all but control-*.pcap: what a Linux kernel, arping (iputils) and ndisc6
# put on a wire. Everything happens between two network namespaces of its own. Run as root: sh capture.sh
# Needs: util-linux, iproute2, tcpdump, iputils-arping, iputils-ping, ndisc6, bash (for its /dev/udp), python3.
set -eu

cd "$(dirname "$0")"
if [ "${GOLDEN_NAMESPACE:-}" != yes ]; then
  GOLDEN_NAMESPACE=yes exec unshare -nm --fork --kill-child sh ./capture.sh
fi
mount -t tmpfs tmpfs /run

# near (02:..:01) here, far (02:..:02) in the namespace "peer". IPv6 addresses are added without duplicate detection.
ip netns add peer
ip link add near address 02:00:00:00:00:01 type veth peer name far address 02:00:00:00:00:02 netns peer
ip link set near addrgenmode none
ip -n peer link set far addrgenmode none
sysctl -qw net.ipv4.neigh.near.delay_first_probe_time=1
ip link set near up
ip -n peer link set far up
ip address add 192.0.2.1/24 dev near
ip -n peer address add 192.0.2.2/24 dev far
ip address add fe80::1/64 dev near nodad
ip address add 2001:db8::1/64 dev near nodad
ip -n peer address add fe80::2/64 dev far nodad
ip -n peer address add 2001:db8::2/64 dev far nodad
# A veth leaves checksums to nobody; let the kernel finish them as for a card that cannot (ethtool -K near tx off).
python3 - near <<'PYTHON'
import array, fcntl, socket, struct, sys
value = array.array('I', [0x17, 0])  # ETHTOOL_STXCSUM, off
request = struct.pack('16sP', sys.argv[1].encode(), value.buffer_info()[0])
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, request)  # SIOCETHTOOL
PYTHON

# capture FILE FILTER COMMAND...: the first packet on near that passes the filter while the command runs.
capture() {
  file=$1 filter=$2
  shift 2
  rm -f "$file"
  ip neigh flush dev near
  ip -n peer neigh flush dev far
  tcpdump -Z root -i near -U -c 1 -w "$file" "$filter" 2>/run/tcpdump.log &
  tcpdump=$!
  until grep -q 'listening on' /run/tcpdump.log 2>/dev/null; do
    kill -0 "$tcpdump"
  done
  echo "$file: $*"
  "$@" >/run/command.log 2>&1 || true
  wait "$tcpdump"
  rm /run/tcpdump.log
}

probe() { ip neigh replace "$1" lladdr 02:00:00:00:00:02 dev near nud probe; }

capture arp-request.pcap 'arp[7] = 1' ping -c 1 192.0.2.2
capture arp-reply.pcap 'arp[7] = 2' ping -c 1 192.0.2.2
capture arp-announcement-request.pcap arp arping -U -c 1 -I near 192.0.2.1
capture arp-announcement-reply.pcap arp arping -A -c 1 -I near 192.0.2.1
capture arp-probe.pcap arp arping -D -c 1 -I near 192.0.2.9
capture arp-question.pcap 'arp[7] = 1' probe 192.0.2.2
capture solicitation.pcap 'icmp6[0] = 135' ping -6 -c 1 2001:db8::2
capture solicitation-ndisc6.pcap 'icmp6[0] = 135' ndisc6 -1 -r 1 2001:db8::2 near
capture solicitation-probe.pcap 'icmp6[0] = 135' ip address add 2001:db8::9/64 dev near
capture solicitation-question.pcap 'icmp6[0] = 135' probe 2001:db8::2
capture advertisement.pcap 'icmp6[0] = 136' ping -6 -c 1 2001:db8::2
ip netns exec peer sysctl -qw net.ipv6.conf.far.ndisc_notify=1
capture advertisement-unsolicited.pcap 'icmp6[0] = 136' ip -n peer address add 2001:db8::7/64 dev far
capture udp-ipv4.pcap 'udp port 7169 and ip' bash -c 'printf hello >/dev/udp/192.0.2.2/7169'
capture udp-ipv6.pcap 'udp port 7169 and ip6' bash -c 'printf hello >/dev/udp/2001:db8::2/7169'
