import type { StoreRead } from '../store.js';
import { ABSENT, HEADER, SEQUENCE_DIGITS, TAGS_DIGITS } from './redis-scripts.js';
import type { NamespaceState } from './redis-tags.js';

const OURS = /^hf1[vgt][\w-]{12}/;
const WITH_TAGS = HEADER.length + SEQUENCE_DIGITS + TAGS_DIGITS;
const ABSENT_READ = { bytes: undefined, remainingMs: 0 };

/** An entry as it is in Redis. */
export interface ParsedEntry {
  readonly read: StoreRead;
  /** The namespace's sequence when an entry with tags was written: it is alive only if its tags' records say so. */
  readonly writtenAt?: number;
}

/** Bytes of another program, or damaged ones, are no entry. */
export function parseEntry(
  entry: Buffer | null | undefined,
  { epoch, sequence }: NamespaceState,
  now: number,
): ParsedEntry {
  const head = entry?.toString('latin1', 0, HEADER.length) ?? '';
  // The test that SET_MANY makes, so that both take bytes of another program for no entry.
  if (!entry || !OURS.test(head)) return absent(epoch + ABSENT + sequence);
  const fence = epoch + head.slice(HEADER.change, HEADER.epoch) + sequence;
  const remainingMs = Number(head.slice(HEADER.expiry)) - now;
  const kind = head[HEADER.magic.length];
  const live =
    head.length === HEADER.length &&
    kind !== 't' &&
    head.slice(HEADER.epoch, HEADER.expiry) === epoch &&
    remainingMs > 0;
  // Nothing but a deletion or a clear makes an entry of Redis one that is not live; what expires leaves by itself.
  if (!live) return remainingMs > 0 || kind === 't' ? deleted(fence) : absent(fence);
  if (kind === 'v') return { read: { bytes: entry.subarray(HEADER.length), remainingMs, fence } };
  return parseTagged(entry, remainingMs, fence) ?? absent(fence);
}

/** What a read says of a key without a live entry. */
export function absent(fence: string): ParsedEntry {
  return { read: { ...ABSENT_READ, fence } };
}

/** The same of a key that was deleted, or one of its tags invalidated, or the namespace cleared. */
export function deleted(fence: string): ParsedEntry {
  return { read: { ...ABSENT_READ, fence, deleted: true } };
}

function parseTagged(entry: Buffer, remainingMs: number, fence: string): ParsedEntry | undefined {
  const head = entry.toString('latin1', HEADER.length, WITH_TAGS);
  const writtenAt = Number(head.slice(0, SEQUENCE_DIGITS));
  const end = WITH_TAGS + Number(head.slice(SEQUENCE_DIGITS));
  if (!(writtenAt >= 0 && end <= entry.length)) return undefined;
  const tags = parseTags(entry.toString('utf8', WITH_TAGS, end));
  return tags && { read: { bytes: entry.subarray(end), remainingMs, fence, tags }, writtenAt };
}

function parseTags(text: string): readonly string[] | undefined {
  try {
    const tags: unknown = JSON.parse(text);
    const valid = Array.isArray(tags) && tags.every((tag) => typeof tag === 'string');
    return valid ? tags : undefined;
  } catch {
    return undefined;
  }
}
