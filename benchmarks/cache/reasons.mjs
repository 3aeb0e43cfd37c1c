/** Why a target is missed, as far as it is known: part of the work's name, the rival, the reason. */
export const reasons = [
  {
    work: 'L2 hit, one at a time',
    rival: /ioredis/,
    why: 'ours reads two keys (the entry and the epoch of the namespace), decodes JSON and goes through time limit and breaker: about 8 µs of processor time more',
  },
  {
    work: 'Zipf 1.0, read through: speed, Holdfast, scan-resistant policy',
    rival: /./,
    why: 'a miss hashes the key character by character, since the hash that the engine keeps cannot be had, and weighs two entries; a hit costs about 1.5 times one of the default policy',
  },
];
