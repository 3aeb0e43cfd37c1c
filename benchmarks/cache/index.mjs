import { reasons } from './reasons.mjs';
import { diskWork } from './works/disk.mjs';
import { l1Works } from './works/l1-hit.mjs';
import { l2Works } from './works/l2-hit.mjs';
import { memoryWork } from './works/memory.mjs';
import { stampedeWorks } from './works/stampede.mjs';
import { tagsWork } from './works/tags.mjs';
import { zipfWork } from './works/zipf.mjs';

export const suite = {
  title:
    'Cache: Holdfast beside BentoCache, cacheable, cache-manager, layered-loader and lru-cache',
  packages: ['@holdfast/cache'],
  services: ['redis'],
  rivals: [
    'bentocache',
    'cacheable',
    'cache-manager',
    'layered-loader',
    'lru-cache',
    'ioredis',
    'lmdb',
    'better-sqlite3',
    'cacache',
  ],
  works: [...l1Works, ...l2Works, ...stampedeWorks, tagsWork, memoryWork, zipfWork, diskWork],
  reasons,
  method: [
    'Every case runs in a process of its own; contenders take turns within each round, and each round begins with another one.',
    'L1: 10,000 entries under string keys, read at random; nanoseconds of processor time a read (all threads of the process), the median of nine slices after two that warm up. A read that finds nothing fails.',
    'L2: 5,000 entries of about 140 bytes of JSON, no tier above; time by the clock, the median of slices after two that warm up. Ours, BentoCache and "JSON.parse" hand over objects, raw ioredis the text.',
    '1,000 cold keys: the median of five waves after two that warm up, each with keys of its own.',
    'One cold key: a factory that waits 50 ms; from four processes they all begin when they are told to.',
    'Tags: every entry carries five, each of them is invalidated once; the median of the five.',
    'Memory: live bytes of the heap and of typed arrays after collection, with keys and values made beforehand, after each entry was read once synchronously.',
    "Disk: bytes in and out, a new store each time, in a folder of the machine's temporary files; the median of all operations but the first hundred; what was written is still in the memory of the system when it is read.",
    'Zipf: read, and set what is not there; one pass in one process from an empty cache, after another cache has warmed up the code; operations a second of processor time.',
  ],
  settings: [
    {
      name: 'Holdfast',
      text: 'defaults, `ttl` one hour; with Redis a client of ioredis 6 as it comes',
    },
    { name: 'lru-cache', text: '`max` and `ttl` one hour' },
    {
      name: 'BentoCache',
      text: '`serialize: false` in memory (its faster setting), else defaults; ioredis 6 as for us; no bus, which would cost it more',
    },
    { name: 'cacheable, cache-manager', text: 'defaults, in memory' },
    {
      name: 'disk',
      text: 'ours and cacache as they come; lmdb `put` and `getBinary`, which share commits and do not wait for the disk with them; better-sqlite3 with WAL and `synchronous = NORMAL`, synchronous calls. Ours alone keeps limits, expiry and checksums that are read (cacache checks too)',
    },
    { name: 'layered-loader', text: '`lru-object`, from `layered-loader/core`' },
    {
      name: 'ioredis',
      text: 'one client; GET as it comes for one at a time, `enableAutoPipelining` for 100 at a time',
    },
  ],
};
