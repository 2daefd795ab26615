/**
 * The machines and networks of the lab as plain data: names, addresses, ports. Addresses are documentation addresses
 * (RFC 5737, RFC 3849); everything lives in namespaces of the lab's own, never on the machine's interfaces.
 */

/** A machine of the redundant group. */
export interface MemberPlan {
  readonly name: string;
  /** Member id, 1..3. */
  readonly id: number;
  readonly mac: string;
  readonly address4: string;
  readonly address6: string;
  /** Its port on the switch. */
  readonly lanPort: string;
  /** The other end of its direct cable, in the middle box, and its address there; absent without a cable. */
  readonly cable?: { readonly port: string; readonly address: string; readonly mac: string };
}

/** A machine that only uses the service: an ordinary kernel at its default settings. */
export interface HostPlan {
  readonly name: string;
  readonly mac: string;
  readonly address4: string;
  readonly address6: string;
  readonly lanPort: string;
}

export interface LabPlan {
  readonly members: readonly MemberPlan[];
  readonly hosts: readonly HostPlan[];
  /** The shared logical addresses. */
  readonly service4: string;
  readonly service6: string;
  /** UDP and TCP port of the echo service. */
  readonly servicePort: number;
}

/** The namespace that holds the switch, the middle box of the cable, the fault injector and the capture. */
export const switchNamespace = 'switch';
/** The bridge that is the LAN's switch, and the one in the middle of the cable. */
export const lanBridge = 'lan';
export const cableBridge = 'cable';

const memberNames = ['primary', 'redundant', 'third'] as const;

/** The machines of the patent's fig. 1A; `memberCount` 2 or 3 (the third has no cable). */
export function planFig1a(memberCount: number): LabPlan {
  const members = memberNames.slice(0, memberCount).map((name, index): MemberPlan => {
    const id = index + 1;
    const member = {
      name,
      id,
      mac: `02:00:00:00:00:0${id}`,
      address4: `192.0.2.${id}`,
      address6: `2001:db8:0:1::${id}`,
      lanPort: `lan-${name}`,
    };
    if (index > 1) return member;
    return {
      ...member,
      cable: { port: `cab-${name}`, address: `198.51.100.${id}`, mac: `02:00:00:00:01:0${id}` },
    };
  });
  const hosts = ['a', 'b'].map(
    (letter, index): HostPlan => ({
      name: `host-${letter}`,
      mac: `02:00:00:00:00:a${index + 1}`,
      address4: `192.0.2.${101 + index}`,
      address6: `2001:db8:0:1::${101 + index}`,
      lanPort: `lan-host-${letter}`,
    }),
  );
  return { members, hosts, service4: '192.0.2.10', service6: '2001:db8:0:1::10', servicePort: 7 };
}
