/**
 * A task is an array in Lua; these are the places of its fields, in the order of {@link FORMAT}. What a claim changes
 * comes first, and the holder last, so that a claim can put a task together again without taking all of it apart.
 * PLACE: its tag and number of arrival, two big-endian doubles, so that bytes sort as the numbers do. NOTES: lines of
 * its history. KEY: how long it is held, a colon, the key. MORE: JSON of what only some have, as `t.more` while it is in
 * hand. UNTIL, STARTED, FINISHED and EXPIRES are 0 for "none", texts ''.
 */
const FIELDS = [
  'STATE',
  'FLAGS',
  'EPOCH',
  'ATTEMPTS',
  'HOLDER_SIZE',
  'UNTIL',
  'STARTED',
  'MAX',
  'PRIORITY',
  'ADDED',
  'RUN',
  'KEEP_COMPLETED',
  'KEEP_DEAD',
  'PLACE',
  'NOTES',
  'FINISHED',
  'EXPIRES',
  'QUEUE',
  'NAME',
  'KEY',
  'MORE',
  'HOLDER',
];

/** All but the holder, which is the rest. */
const FORMAT = "'>BBI4I4I2ddI4hddddc16I4ddssss'";

const STATES = ['NEW', 'READY', 'SCHEDULED', 'BLOCKED', 'LEASED', 'COMPLETED', 'DEAD', 'CANCELLED'];

/** What the words of the scripts stand for. Numbers in their place make Lua's closures smaller, and calls shorter. */
const WORDS: ReadonlyMap<string, string> = new Map([
  ...FIELDS.map((name, index) => [name, String(index + 1)] as const),
  ...STATES.map((name, index) => [name, String(index)] as const),
  ['FORMAT', FORMAT],
  // Bytes: where those begin that a claim leaves as they are, KEEP_COMPLETED, and the texts.
  ['AT_REST', '29'],
  ['AT_KEEP', '51'],
  ['AT_TEXTS', '103'],
  // Flags: what else there is of a task. One without any takes the short ways.
  ['HAS_RESULT', '1'],
  ['HAS_LOG', '2'],
  ['HAS_MORE', '4'],
  ['CANCEL', '8'],
  ['HAS_PROGRESS', '16'],
  // The first byte of a plain task, P; that of the others is their state.
  ['PLAIN', '80'],
  // The first byte of what is kept of a plain task that completed, D, in the place of its lease.
  ['DONE', '68'],
  // Lua takes about 8000 values in one call.
  ['CHUNK', '4000'],
]);

/** A script with its constants in the place of their names, and without its comments. */
export function withConstants(lua: string): string {
  return lua
    .replace(/^\s*--.*\n/gm, '')
    .replace(/\b[A-Z][A-Z_]+\b/g, (word) => WORDS.get(word) ?? word);
}
