import { createMiddleware } from 'hono/factory';
import { HttpProblem } from './problem.js';
import type { ServerEnv } from './routes.js';

const JSON_TYPE = /^application\/json(?:\s*;\s*charset="?(utf-8|utf8)"?)?\s*$/i;

/** Collects a body, but gives up as soon as it is longer than the limit: a large body never lies in memory. */
async function readLimited(body: ReadableStream<Uint8Array>, limit: number): Promise<Buffer> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return Buffer.concat(chunks, size);
      size += value.byteLength;
      if (size > limit) throw tooLarge(limit);
      chunks.push(value);
    }
  } catch (error) {
    reader.cancel().catch(() => undefined);
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem('REQUEST_BODY_INCOMPLETE', 'The connection ended within the body', {
      cause: error,
    });
  }
}

/** The connection is closed after it: the rest of the body is still on its way and is not read. */
function tooLarge(limit: number): HttpProblem {
  return new HttpProblem('REQUEST_TOO_LARGE', `The body may have at most ${limit} bytes`, {
    headers: { connection: 'close' },
  });
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new HttpProblem('REQUEST_ENCODING_INVALID', 'The body holds bytes that are not UTF-8', {
      cause: error,
    });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = text.trim() === '' ? 'it is empty' : (error as Error).message;
    throw new HttpProblem('REQUEST_JSON_INVALID', `The body is not JSON: ${reason}`, {
      cause: error,
    });
  }
}

function assertMediaType(type: string | undefined, encoding: string | undefined): void {
  if (type === undefined || !JSON_TYPE.test(type)) {
    const got = type === undefined ? 'none' : type.slice(0, 100);
    throw new HttpProblem(
      'MEDIA_TYPE_UNSUPPORTED',
      `Content-Type must be application/json, got ${got}`,
    );
  }
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    throw new HttpProblem('MEDIA_TYPE_UNSUPPORTED', 'The body must not be compressed');
  }
}

/**
 * Reads the body of a request that has one, strictly: content type, size while it streams in, UTF-8, JSON. What
 * passes is left where the routes' validators look for it, so no route reads a body in another way.
 */
export const jsonBody = (limit: number) =>
  createMiddleware<ServerEnv>(async (c, next) => {
    const { method } = c.req;
    if (method === 'POST' || method === 'PUT' || method === 'PATCH') {
      const { body } = c.req.raw;
      const declared = Number(c.req.header('content-length') ?? 0);
      const hasBody = declared > 0 || c.req.header('transfer-encoding') !== undefined;
      if (declared > limit) throw tooLarge(limit);
      if (hasBody && body !== null) {
        assertMediaType(c.req.header('content-type'), c.req.header('content-encoding'));
        const text = decode(await readLimited(body, limit));
        c.set('body', parse(text));
        Object.assign(c.req.bodyCache, { text: Promise.resolve(text) });
      }
    }
    await next();
  });
