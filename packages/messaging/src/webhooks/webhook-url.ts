import { isIP } from 'node:net';
import { LIMITS } from '../limits.js';
import type { AddressPolicy } from './address-policy.js';

/** What decides about an address. */
export interface UrlRules {
  readonly policy: AddressPolicy;
  readonly requireHttps: boolean;
}

/** Whether a name is that of this machine, whatever the network says (RFC 6761, section 6.3). */
export function isLocalhost(hostname: string): boolean {
  const name = hostname.replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost');
}

/** The addresses that the host of a URL stands for without asking the network; none when it is another name. */
function literalAddresses(hostname: string): string[] {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(bare) !== 0) return [bare];
  return isLocalhost(bare) ? ['127.0.0.1', '::1'] : [];
}

/**
 * The rule that a webhook address breaks, in words; `null` when it keeps all. Looks only at the text, so it is fast and
 * never asks the network: names are judged again, by address, at each connection.
 */
export function brokenUrlRule(value: string, rules: UrlRules): string | null {
  if (value.length === 0 || value.length > LIMITS.webhookUrl) {
    return `a URL of at most ${LIMITS.webhookUrl} characters`;
  }
  let url: URL;
  try {
    url = new URL(value);
  } catch {
    return 'an absolute http or https URL';
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'an http or https URL';
  if (rules.requireHttps && url.protocol !== 'https:') return 'an https URL';
  if (url.username !== '' || url.password !== '') return 'a URL without user name and password';
  if (url.hostname === '') return 'a URL with a host';
  if (url.port === '0') return 'a URL whose port is not 0';
  const literals = literalAddresses(url.hostname);
  if (literals.length > 0 && !literals.some((address) => rules.policy.allows(address))) {
    return 'a URL whose host is a public address';
  }
  return null;
}
