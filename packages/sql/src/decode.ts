/** Turns a value in Postgres' text format into JavaScript. */
export type Decoder = (text: string) => unknown;

const asText: Decoder = (text) => text;

function decodeInt8(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : BigInt(text);
}

function decodeBytea(text: string): Uint8Array {
  const bytes = Buffer.from(text.slice(2), 'hex');
  // A plain Uint8Array, not a Buffer, on every engine: the two print, serialise and slice differently.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Not JSON.parse itself, which would take a second argument for a reviver. */
const decodeJson: Decoder = (text) => JSON.parse(text);

const TIMESTAMP =
  /^(\d{4,})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/;

/** Milliseconds (microseconds are cut off). A timestamp without a time zone is read as UTC. */
function decodeTimestamp(text: string): Date {
  // Dates have no infinity: the furthest Date keeps the order.
  if (text === 'infinity') return new Date(8.64e15);
  if (text === '-infinity') return new Date(-8.64e15);
  const match = TIMESTAMP.exec(text);
  if (match === null) return new Date(Number.NaN);
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = match;
  const [fraction = '', sign, offsetHour = '0', offsetMinute = '0', offsetSecond = '0', era] =
    match.slice(7);
  const date = new Date(0);
  // Not Date.UTC, which takes the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(era ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day));
  const ms = Math.floor(Number(fraction.padEnd(6, '0')) / 1000);
  date.setUTCHours(Number(hour), Number(minute), Number(second), ms);
  const offset =
    Number(offsetHour) * 3_600_000 + Number(offsetMinute) * 60_000 + Number(offsetSecond) * 1000;
  return new Date(date.getTime() - (sign === '-' ? -offset : offset));
}

/** Reads an array literal. `{a,"b c",NULL}` with any depth; lower bounds (`[0:1]={…}`) are dropped. */
function arrayOf(decode: Decoder): Decoder {
  return (text) => {
    const start = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
    return readArray(text, start, decode).items;
  };
}

function readArray(text: string, start: number, decode: Decoder): { items: unknown[]; at: number } {
  const items: unknown[] = [];
  let at = start + 1;
  while (at < text.length && text[at] !== '}') {
    const element = readElement(text, at, decode);
    items.push(element.item);
    at = text[element.at] === ',' ? element.at + 1 : element.at;
  }
  return { items, at: at + 1 };
}

function readElement(text: string, at: number, decode: Decoder): { item: unknown; at: number } {
  if (text[at] === '{') {
    const nested = readArray(text, at, decode);
    return { item: nested.items, at: nested.at };
  }
  if (text[at] === '"') return readQuoted(text, at + 1, decode);
  let end = at;
  while (end < text.length && text[end] !== ',' && text[end] !== '}') end += 1;
  const raw = text.slice(at, end);
  return { item: raw === 'NULL' ? null : decode(raw), at: end };
}

function readQuoted(text: string, at: number, decode: Decoder): { item: unknown; at: number } {
  let end = at;
  let escaped = false;
  while (end < text.length && text[end] !== '"') {
    if (text[end] === '\\') {
      escaped = true;
      end += 1;
    }
    end += 1;
  }
  const raw = text.slice(at, end);
  return { item: decode(escaped ? raw.replace(/\\(.)/gs, '$1') : raw), at: end + 1 };
}

/** Element type OID, array type OID, decoder. OIDs of built-in types never change (pg_type.dat). */
const TYPES: ReadonlyArray<readonly [number, number, Decoder]> = [
  [16, 1000, (text) => text === 't'],
  [17, 1001, decodeBytea],
  [20, 1016, decodeInt8],
  [21, 1005, Number],
  [23, 1007, Number],
  [26, 1028, Number],
  [700, 1021, Number],
  [701, 1022, Number],
  [114, 199, decodeJson],
  [3802, 3807, decodeJson],
  [1114, 1115, decodeTimestamp],
  [1184, 1185, decodeTimestamp],
];

/** Array types whose elements stay text: char, name, text, bpchar, varchar, numeric, date, time, interval, uuid, inet… */
const TEXT_ARRAYS = [
  1002, 1003, 1009, 1014, 1015, 1231, 1182, 1183, 1270, 1187, 2951, 1041, 651, 1040, 775, 1561,
  1563, 143, 3221, 3643, 3645, 2210, 2211,
];

function buildDecoders(): Map<number, Decoder> {
  const decoders = new Map<number, Decoder>();
  for (const [oid, arrayOid, decode] of TYPES) {
    decoders.set(oid, decode);
    decoders.set(arrayOid, arrayOf(decode));
  }
  for (const oid of TEXT_ARRAYS) decoders.set(oid, arrayOf(asText));
  return decoders;
}

const DECODERS = buildDecoders();

/** What reads a type, by its OID. Types that are not listed stay text. */
export function decoderOf(oid: number): Decoder {
  return DECODERS.get(oid) ?? asText;
}
