import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';
import { invalidOption } from '../errors.js';

/** Which addresses may be reached. */
export interface AddressPolicy {
  /** Whether an IP address in text may be reached. What is no address may not. */
  allows(address: string): boolean;
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Reserved networks that `range()` of ipaddr.js calls `unicast`, or that are easily forgotten. Source: IANA special-purpose registries. */
const ALSO_FORBIDDEN: readonly [Address, number][] = [
  '0.0.0.0/8',
  '100.64.0.0/10', // carrier-grade NAT
  '192.0.0.0/24',
  '192.0.2.0/24', // documentation
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24', // 6to4 relays
  '192.175.48.0/24',
  '198.18.0.0/15', // benchmarking
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3', // multicast, reserved, broadcast
  '168.63.129.16/32', // a cloud provider's metadata on a public address
  '2001::/23', // Teredo, ORCHID, benchmarking
  '2001:db8::/32',
  '2002::/16', // 6to4 carries an IPv4 address
  '3fff::/20', // documentation
  '2620:4f:8000::/48',
].map((cidr) => ipaddr.parseCIDR(cidr));

/** Only these are public at all in IPv6. */
const GLOBAL_V6: [ipaddr.IPv6, number] = ipaddr.IPv6.parseCIDR('2000::/3');

function matches(address: Address, network: readonly [Address, number]): boolean {
  const [base, bits] = network;
  if (address instanceof ipaddr.IPv4)
    return base instanceof ipaddr.IPv4 && address.match(base, bits);
  return base instanceof ipaddr.IPv6 && address.match(base, bits);
}

function isPublic(address: Address): boolean {
  if (address.range() !== 'unicast') return false;
  if (address instanceof ipaddr.IPv6 && !address.match(GLOBAL_V6)) return false;
  return !ALSO_FORBIDDEN.some((network) => matches(address, network));
}

function parseNetwork(cidr: string, index: number): [Address, number] {
  try {
    return ipaddr.parseCIDR(cidr);
  } catch {
    throw invalidOption(`webhooks.allowNetworks[${index}]`, "a network such as '10.0.0.0/8'", cidr);
  }
}

/** Allows public addresses, and what lies in `allowNetworks`. An IPv4 address written as IPv6 is judged as IPv4. */
export function addressPolicy(allowNetworks: readonly string[]): AddressPolicy {
  const allowed = allowNetworks.map(parseNetwork);
  return {
    allows(text) {
      // Only the plain forms that net.isIP knows: 'inet_aton' forms such as 0x7f.1 are no addresses here.
      if (isIP(text) === 0) return false;
      const address = ipaddr.process(text.split('%', 1)[0] ?? text);
      return isPublic(address) || allowed.some((network) => matches(address, network));
    },
  };
}
