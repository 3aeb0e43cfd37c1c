/** Why a target is missed, as far as it is known: part of the work's name, the rival, the reason. */
export const reasons = [
  {
    work: 'PostgreSQL: drain, concurrency',
    rival: /graphile|pg-boss/,
    why: "a task takes the backend 9 to 15 µs, in a statement that settles some hundreds and claims the next, and the worker 12 µs; both run at the same time on two cores that they share with the server's other processes",
  },
  {
    work: 'PostgreSQL: enqueue in bulk',
    rival: /./,
    why: "about 6 µs a task are the backend's, a third of that for the two indexes that claims and settlements need, and 2 to 3 µs the producer's, one after the other",
  },
  {
    work: 'PostgreSQL: enqueue one by one',
    rival: /./,
    why: 'each awaited task costs one commit (see the limit of commits of one row). The function in the database takes 30 µs; of the processor time of the producer about a sixth is our code, the rest the driver, the socket and the garbage collector',
  },
  {
    work: 'enqueue in bulk',
    rival: /BullMQ$/,
    why: 'a task takes the server about 2 µs, a fifth of it for the hash of tasks and most of the rest for the texts that its script makes, and the producer, whose code is not compiled yet, about as much, one after the other. How far it is from the target depends on the machine: code that came to 6.9 and 7.5 on one came to 5.4 and 6.1 on the next, where BullMQ gained more',
  },
  {
    work: 'enqueue one by one',
    rival: /BullMQ$/,
    why: 'one round trip for either, see the limit of round trips, which is hardly above the target; the script takes 15 µs of it, 4 of them in commands, the client 4 µs more than a bare command',
  },
  {
    work: 'Redis: idle queue',
    rival: /./,
    why: 'the processes of the producer, the server and the worker are woken one after the other for either. Where that is most of the time, little is left to save: code that came to 0.62 of the rival on one machine came to 0.77 on the next',
  },
  {
    work: 'Redis: peak memory',
    rival: /./,
    why: 'V8 doubles its young generation, from 64 to 128 MiB, once so much has outlived a collection: runs in which that happens end at about 215 MiB, the others at 160',
  },
];
