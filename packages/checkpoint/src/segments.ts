import { createHash } from 'node:crypto';
import {
  canonicalKeys,
  invalidState,
  isPlainObject,
  MAX_DEPTH,
  type Path,
  scalarJson,
  tooDeep,
} from './canonical-json.js';
import type { Segment } from './store.js';

/** A container up to this many characters is kept whole; beyond it, its items are divided into runs. */
const WHOLE_CHARS = 16_384;
/** A run is not ended before this many characters, so that small changes do not make dust. */
const MIN_RUN_CHARS = 4_096;
/** Expected characters between two cuts beyond the least run. */
const CUT_EVERY_CHARS = 12_288;
/** A run is always ended here, so that one change never costs more. */
const MAX_RUN_CHARS = 65_536;
/** Characters looked at on both ends of an item to decide on a cut: enough to differ, cheap on a long item. */
const EDGE_CHARS = 48;
const FORMAT = 1;

/** A state divided into segments. */
export interface SplitState {
  readonly manifest: string;
  /** Each segment once, in the order they first occur. */
  readonly segments: readonly Segment[];
  /** Bytes of the canonical JSON. */
  readonly size: number;
}

/** The text of a value: short, or a rope of punctuation and texts of segments. */
type Text = string | Rope;

/** Pieces whose concatenation is canonical JSON; a segment is wrapped to tell it from punctuation. */
type Rope = (string | { readonly run: string })[];

/** Hex SHA-256. */
export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}

/**
 * Whether a run ends after this item. Depends on the item alone, so an insertion moves no cut but its own; the chance
 * grows with the item's length, so runs come out alike for short and long items.
 */
function cutsAfter(item: string): boolean {
  let hash = 0x811c9dc5 ^ item.length; // FNV-1a
  const mix = (from: number, to: number) => {
    for (let index = from; index < to; index++) {
      hash = Math.imul(hash ^ item.charCodeAt(index), 0x01000193);
    }
  };
  const head = Math.min(EDGE_CHARS, item.length);
  mix(0, head);
  mix(Math.max(head, item.length - EDGE_CHARS), item.length);
  hash ^= hash >>> 15;
  return (Math.imul(hash, 0x2c1b3c6d) >>> 0) / 2 ** 32 < item.length / CUT_EVERY_CHARS;
}

/** Gathers the items of one array, or the entries of one object, into runs. */
class Runs {
  readonly #texts: string[] = [];
  readonly #rope: Rope = [];
  #run: string[] = [];
  #runChars = 0;
  #chars = 0;
  #divided = false;

  add(prefix: string, text: Text): void {
    if (typeof text !== 'string') {
      this.#divided = true;
      this.#endRun();
      this.#separate();
      this.#rope.push(prefix, ...text);
      return;
    }
    const item = prefix + text;
    this.#chars += item.length + 1;
    this.#texts.push(item);
    this.#run.push(item);
    this.#runChars += item.length + 1;
    const long = this.#runChars >= MAX_RUN_CHARS;
    if (long || (this.#runChars >= MIN_RUN_CHARS && cutsAfter(item))) this.#endRun();
  }

  end(open: string, close: string): Text {
    if (!this.#divided && this.#chars <= WHOLE_CHARS) return open + this.#texts.join(',') + close;
    this.#endRun();
    return [open, ...this.#rope, close];
  }

  #endRun(): void {
    if (this.#run.length === 0) return;
    this.#separate();
    this.#rope.push({ run: this.#run.join(',') });
    this.#run = [];
    this.#runChars = 0;
  }

  #separate(): void {
    if (this.#rope.length > 0) this.#rope.push(',');
  }
}

function textOf(value: unknown, path: Path): Text {
  if (path.length > MAX_DEPTH) throw tooDeep(path);
  const isArray = Array.isArray(value);
  if (!isArray && !isPlainObject(value)) return scalarJson(value, path);
  const runs = new Runs();
  const depth = path.length;
  const add = (key: string | number, prefix: string, child: unknown) => {
    path[depth] = key;
    runs.add(prefix, textOf(child, path));
    path.length = depth;
  };
  if (isArray) {
    for (let index = 0; index < value.length; index++) add(index, '', value[index]);
    return runs.end('[', ']');
  }
  for (const key of canonicalKeys(value)) add(key, `${JSON.stringify(key)}:`, value[key]);
  return runs.end('{', '}');
}

/** Joins punctuation that stands together, so that the manifest stays short. */
function compact(pieces: readonly (string | number)[]): (string | number)[] {
  const result: (string | number)[] = [];
  for (const piece of pieces) {
    const last = result.at(-1);
    if (typeof piece === 'string' && typeof last === 'string') result[result.length - 1] += piece;
    else result.push(piece);
  }
  return result;
}

/**
 * Divides a state into segments such that states that differ little have most segments in common.
 * @throws CheckpointError `CHECKPOINT_STATE_INVALID` when it is not JSON or larger than `maxBytes`
 */
export function splitState(state: unknown, maxBytes: number): SplitState {
  const text = textOf(state, []);
  const rope: Rope = typeof text === 'string' ? [{ run: text }] : text;
  const segments: Segment[] = [];
  const indexes = new Map<string, number>();
  let size = 0;
  const pieces = rope.map((piece) => {
    if (typeof piece === 'string') {
      size += Buffer.byteLength(piece);
      return piece;
    }
    const body = Buffer.from(piece.run);
    size += body.length;
    const hash = sha256(body);
    const known = indexes.get(hash);
    if (known !== undefined) return known;
    indexes.set(hash, segments.length);
    return segments.push({ hash, body }) - 1;
  });
  if (size > maxBytes) {
    throw invalidState([], `must be at most ${maxBytes} bytes of JSON, got ${size}`);
  }
  return { manifest: JSON.stringify({ format: FORMAT, pieces: compact(pieces) }), segments, size };
}

/** Puts a state together again. The manifest and the bodies must have been verified. */
export function joinState(manifest: string, bodies: readonly Uint8Array[]): unknown {
  const parsed = JSON.parse(manifest) as { format: number; pieces: (string | number)[] };
  if (parsed.format !== FORMAT) {
    throw new TypeError(`Manifest format ${parsed.format} is newer than this version reads`);
  }
  const texts = bodies.map((body) =>
    Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8'),
  );
  // One parse of the whole text: keys such as __proto__ stay ordinary keys.
  return JSON.parse(
    parsed.pieces.map((piece) => (typeof piece === 'string' ? piece : texts[piece])).join(''),
  );
}
