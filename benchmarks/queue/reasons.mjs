/** Why a target is missed, as far as it is known: part of the work's name, the rival, the reason. */
export const reasons = [
  {
    work: 'Redis: drain',
    rival: /./,
    why: 'the worker process is busy for about a third of what a task takes (see the processor times); the rest is waiting for the script that settles and claims. A bare one is among the limits',
  },
  {
    work: 'Redis with append-only file: drain',
    rival: /./,
    why: 'as without the file: the worker waits for the script',
  },
  {
    work: 'PostgreSQL: drain, concurrency',
    rival: /./,
    why: 'all three are held up by PostgreSQL, not by their worker: ours is busy for less than half of what a task takes (see the processor times)',
  },
  {
    work: 'PostgreSQL: enqueue one by one',
    rival: /./,
    why: 'each awaited task costs one commit, and the disk gives so many a second to anybody (see the limit of commits of one row)',
  },
  {
    work: 'Redis with append-only file: enqueue one by one',
    rival: /./,
    why: 'as without the file',
  },
  {
    work: 'Redis: enqueue one by one',
    rival: /./,
    why: 'one round trip for either; in a separate measurement a call kept our producer busy for 112 µs and that of BullMQ for 100 µs',
  },
];
