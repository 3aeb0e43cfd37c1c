import { type LookupAddress, lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import type { AddressPolicy } from './address-policy.js';
import { isLocalhost } from './webhook-url.js';

/** A connection that was refused because of where it leads. */
export class BlockedAddressError extends Error {
  override readonly name = 'BlockedAddressError';
  readonly code = 'SSRF_BLOCKED';
}

/** Options of {@link guardedAgent}. */
export interface GuardedAgentOptions {
  readonly policy: AddressPolicy;
  /** Connections to one origin. */
  readonly connections: number;
  readonly connectTimeoutMs: number;
  /** Longest answer, headers not counted. */
  readonly maxResponseBytes: number;
  /** Resolves names. @defaultValue the system's */
  readonly lookup?: LookupFunction;
}

/** Why a name may not be connected to; `null` when it may. */
function refusal(
  hostname: string,
  addresses: readonly LookupAddress[],
  policy: AddressPolicy,
): BlockedAddressError | null {
  if (addresses.length === 0) return new BlockedAddressError(`${hostname} has no address`);
  if (addresses.every(({ address }) => policy.allows(address))) return null;
  return new BlockedAddressError(`${hostname} resolves to a forbidden address`);
}

/** The addresses to judge. This machine's name stands for two, of which often only one is allowed: no attack. */
function candidates(
  hostname: string,
  found: string | LookupAddress[],
  policy: AddressPolicy,
): LookupAddress[] {
  const all = Array.isArray(found) ? found : [{ address: found, family: isIP(found) }];
  const allowed = all.filter(({ address }) => policy.allows(address));
  return isLocalhost(hostname) && allowed.length > 0 ? allowed : all;
}

/**
 * One question for a name at a time, whose answer all get who wait for it: a name server that does not answer must not
 * take every one of the few threads that the system's resolver has.
 */
function oneAtATime(lookup: LookupFunction): LookupFunction {
  const waiting = new Map<string, Parameters<LookupFunction>[2][]>();
  return (hostname, options, callback) => {
    const question = `${hostname} ${options.family ?? 0} ${options.hints ?? 0}`;
    const others = waiting.get(question);
    if (others !== undefined) return void others.push(callback);
    const callbacks = [callback];
    waiting.set(question, callbacks);
    lookup(hostname, options, (...answer) => {
      waiting.delete(question);
      for (const each of callbacks) each(...answer);
    });
  };
}

/** Resolves a name and refuses it when ANY of its addresses is forbidden: a mixed answer is an attack, not a choice. */
function guardedLookup(policy: AddressPolicy, lookup: LookupFunction): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error !== null) return callback(error, []);
      const addresses = candidates(hostname, found, policy);
      const refused = refusal(hostname, addresses, policy);
      const [first] = addresses;
      if (refused !== null || first === undefined) return callback(refused, []);
      if (options.all === true) return callback(null, addresses);
      callback(null, first.address, first.family);
    });
  };
}

/**
 * An HTTP client that connects to allowed addresses only. Three guards, because each alone has a hole: IP literals never
 * reach a lookup; names are judged by what they resolve to, at the moment of connecting; and the peer's address is
 * looked at once more before a byte is sent. It follows no redirect and unpacks nothing.
 */
export function guardedAgent(options: GuardedAgentOptions): Agent {
  const { policy } = options;
  const connect = buildConnector({
    timeout: options.connectTimeoutMs,
    lookup: guardedLookup(policy, oneAtATime(options.lookup ?? systemLookup)),
  });
  return new Agent({
    connections: options.connections,
    pipelining: 1,
    // Below the five seconds after which Node servers close: a request on a socket about to close would fail.
    keepAliveTimeout: 4_000,
    keepAliveMaxTimeout: 10_000,
    maxResponseSize: options.maxResponseBytes,
    connect(target, callback) {
      const host = target.hostname.replace(/^\[|\]$/g, '');
      if (isIP(host) !== 0 && !policy.allows(host)) {
        return callback(new BlockedAddressError(`${host} is a forbidden address`), null);
      }
      connect(target, (error, socket) => {
        if (error !== null) return callback(error, null);
        const peer = socket.remoteAddress;
        if (peer === undefined || !policy.allows(peer)) {
          socket.destroy();
          return callback(
            new BlockedAddressError(`${host} connected to a forbidden address`),
            null,
          );
        }
        callback(null, socket);
      });
    },
  });
}
