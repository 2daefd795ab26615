/** Addresses by family, as text: what is right for one family says nothing about the other. */

export type Family = 'IPv4' | 'IPv6';

export function familyOf(address: string): Family {
  return address.includes(':') ? 'IPv6' : 'IPv4';
}

export function familiesOf(addresses: readonly string[]): Family[] {
  return [...new Set(addresses.map(familyOf))];
}

/** At most one of each family, in the order given. */
export function firstOfEachFamily(addresses: readonly string[]): string[] {
  return familiesOf(addresses).flatMap((family) => addresses.find((one) => familyOf(one) === family) ?? []);
}

/** The families of `wanted` of which `given` has no address. */
export function lackingFamilies(wanted: readonly string[], given: readonly string[]): Family[] {
  const there = familiesOf(given);
  return familiesOf(wanted).filter((family) => !there.includes(family));
}
