import { isIP } from 'node:net';
import { LIMITS } from '../limits.js';
import type { AddressPolicy } from './address-policy.js';

/** What decides about an address. */
export interface UrlRules {
  readonly policy: AddressPolicy;
  readonly requireHttps: boolean;
}

/** The host of a URL as an IP address, when it is one; `localhost` counts as one (RFC 6761, section 6.3). */
function literalAddress(hostname: string): string | null {
  const bare = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
  if (isIP(bare) !== 0) return bare;
  const name = bare.replace(/\.$/, '');
  return name === 'localhost' || name.endsWith('.localhost') ? '127.0.0.1' : null;
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
  const literal = literalAddress(url.hostname);
  if (literal !== null && !rules.policy.allows(literal)) {
    return 'a URL whose host is a public address';
  }
  return null;
}
