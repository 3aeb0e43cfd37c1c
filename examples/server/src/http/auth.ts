import { createHash, timingSafeEqual } from 'node:crypto';
import { createMiddleware } from 'hono/factory';
import { HttpProblem } from './problem.js';
import type { ServerEnv } from './routes.js';

const CALLER_CHARS = 8;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** Lets requests pass that show one of the keys; with no keys, every request. */
export function requireKey(keys: readonly string[]) {
  // Digests have one length, so that comparing them tells nothing of a key by its time.
  const known = keys.map(digest);
  return createMiddleware<ServerEnv>(async (c, next) => {
    c.set('caller', known.length === 0 ? 'local' : callerOf(c.req.header('authorization'), known));
    await next();
  });
}

function callerOf(authorization: string | undefined, known: readonly Buffer[]): string {
  const shown = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  const candidate = digest(shown ?? '');
  const matches = known.map((key) => timingSafeEqual(key, candidate));
  if (shown !== undefined && matches.includes(true)) {
    return `key:${candidate.toString('hex').slice(0, CALLER_CHARS)}`;
  }
  throw new HttpProblem('UNAUTHENTICATED', 'Authorization must be Bearer and a valid key', {
    headers: { 'www-authenticate': 'Bearer realm="holdfast"' },
  });
}
