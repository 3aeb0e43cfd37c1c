// Hit ratios of the policies on recorded traces: `node benchmarks/cache/hit-ratio.mjs <trace>...`, after a build.
// A trace is a list of keys, one a line, plain or .gz; or .xz of big-endian 32-bit numbers.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { createCache } from '@holdfast/cache';
import { LRUCache } from 'lru-cache';
import { S3Fifo, Sieve } from './policies.mjs';

const SHARES = [0.01, 0.05, 0.1];

function read(file) {
  if (file.endsWith('.xz')) {
    const bytes = execFileSync('xz', ['-dc', file], { maxBuffer: 2 ** 30 });
    return Array.from({ length: bytes.length >> 2 }, (_, i) => String(bytes.readInt32BE(i * 4)));
  }
  const bytes = readFileSync(file);
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString().trim().split(/\s+/);
}

/** Reads through our cache, as an application does. */
function ours(policy) {
  return (maxEntries) => {
    const cache = createCache({ namespace: 'trace', l1: { maxEntries, policy } });
    return (key) => {
      if (cache.peek(key) !== undefined) return true;
      void cache.set(key, 1);
      return false;
    };
  };
}

const policies = {
  'lru-cache': (max) => {
    const cache = new LRUCache({ max });
    return (key) => {
      if (cache.get(key) !== undefined) return true;
      cache.set(key, 1);
      return false;
    };
  },
  "Holdfast 'lru'": ours('lru'),
  "Holdfast 'tinylfu'": ours('tinylfu'),
  SIEVE: (max) => {
    const cache = new Sieve(max);
    return (key) => cache.read(key);
  },
  'S3-FIFO': (max) => {
    const cache = new S3Fifo(max);
    return (key) => cache.read(key);
  },
};

const files = process.argv.slice(2);
const missing = files.filter((file) => !existsSync(file));
if (files.length === 0 || missing.length > 0) {
  console.error(
    missing.length > 0 ? `no such trace: ${missing.join(', ')}` : 'name traces to read',
  );
  process.exit(1);
}
const names = Object.keys(policies);
console.log(`| trace | keys | entries | ${names.join(' | ')} |`);
console.log(`| --- | ---: | ---: | ${names.map(() => '---:').join(' | ')} |`);
for (const file of files) {
  const keys = read(file);
  const distinct = new Set(keys).size;
  for (const share of SHARES) {
    const entries = Math.max(1, Math.round(distinct * share));
    const ratios = names.map((name) => {
      const isHit = policies[name](entries);
      let hits = 0;
      for (const key of keys) if (isHit(key)) hits++;
      return `${((100 * hits) / keys.length).toFixed(2)} %`;
    });
    console.log(`| ${basename(file)} | ${distinct} | ${entries} | ${ratios.join(' | ')} |`);
  }
}
process.exit(0);
