/**
 * The three kinds of address as values that cannot be mixed: a MAC is a 48-bit integer, an IPv4 address a 32-bit
 * unsigned integer, an IPv6 address a 128-bit bigint. All compare with `===`, key a Map, and cost no allocation
 * (bigints aside). `parse*` takes text, `format*` gives it back in canonical form (RFC 5952 for IPv6).
 */
declare const macBrand: unique symbol;
declare const ipv4Brand: unique symbol;
declare const ipv6Brand: unique symbol;

/** Physical address: a 48-bit integer, most significant byte first on the wire. */
export type MacAddress = number & { readonly [macBrand]: true };
/** A 32-bit unsigned integer. */
export type Ipv4Address = number & { readonly [ipv4Brand]: true };
/** A 128-bit unsigned integer. */
export type Ipv6Address = bigint & { readonly [ipv6Brand]: true };
/** A logical address of either family; `typeof` tells them apart. */
export type IpAddress = Ipv4Address | Ipv6Address;

export function isIpv4(address: IpAddress): address is Ipv4Address {
  return typeof address === 'number';
}
