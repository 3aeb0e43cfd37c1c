import { reasons } from './reasons.mjs';
import { claimCostWork } from './works/claim-cost.mjs';
import { drainWorks } from './works/drain.mjs';
import { enqueueWorks } from './works/enqueue.mjs';
import { latencyWorks } from './works/idle-latency.mjs';
import { limitsWork } from './works/limits.mjs';
import { longRunWork } from './works/long-run.mjs';
import { recoveryWork } from './works/recovery.mjs';
import { memoryWork } from './works/worker-memory.mjs';

export const suite = {
  title: 'Queue: Holdfast beside BullMQ, pg-boss and graphile-worker',
  packages: ['@holdfast/queue', '@holdfast/sql'],
  services: ['redis', 'postgres'],
  rivals: ['bullmq', 'pg-boss', 'graphile-worker', 'ioredis', 'pg'],
  works: [
    ...drainWorks,
    ...enqueueWorks,
    ...latencyWorks,
    limitsWork,
    memoryWork,
    longRunWork,
    claimCostWork,
    recoveryWork,
  ],
  reasons,
  method: [
    'Every case has a producer process and a worker process of its own and an empty database; contenders take turns within each round, and each round begins with another one.',
    'Drain: the tasks are enqueued, the worker process connects, then the time runs from its start until the store holds no unfinished task. Handlers do nothing but count: a run in which a task did not run exactly once fails.',
    'Enqueue: afterwards the store must hold exactly the tasks that were enqueued.',
    'Idle latency: two processes, a task every 10 to 20 ms, from before the enqueue to the first line of the handler.',
    'Claim cost: the same exchanges on a place with the tasks behind and on an empty one of the same server, in turns; on PostgreSQL when its own vacuum has passed. Nothing is vacuumed or analysed by hand.',
    'Memory: the largest resident set of the worker process.',
    'PostgreSQL commits to the disk (fsync and synchronous_commit on) for everybody.',
    'Payload `{ i }`. Ours is checked by a zod schema at both ends; no OpenTelemetry SDK is installed.',
  ],
  settings: [
    {
      name: 'Holdfast',
      text: 'defaults and the concurrency of the row; `retention.completed: 0` beside those that keep nothing (BullMQ with removeOnComplete, graphile-worker), the default of one day ("keeps completed tasks") beside pg-boss and in the rows of defaults',
    },
    {
      name: 'BullMQ',
      text: '`removeOnComplete: true`, Worker with the concurrency of the row, addBulk; on PostgreSQL its own backend with a pool of 20',
    },
    {
      name: 'graphile-worker, local queue and batched completion',
      text: '`localQueue: { size: 500, refetchDelay: { durationMs: 10 } }, completeJobBatchDelay: 0, failJobBatchDelay: 0`, the preset of its own performance tests; `maxPoolSize` concurrency + 1, at most 25',
    },
    {
      name: 'graphile-worker at its defaults',
      text: 'the concurrency of the row and `maxPoolSize` as above; 3,000 tasks',
    },
    {
      name: 'pg-boss in batches',
      text: '`work()` with `batchSize: 1000, burstWhenBatchFull: true, pollingIntervalSeconds: 0.5, perJobResults: true`, useListenNotify; as many handlers of a batch at a time as the row says',
    },
    {
      name: 'pg-boss, loops of fetch and complete',
      text: 'as many loops as the row says of `fetch()` and `complete()`, one job each, without pauses; 1,500 tasks',
    },
    {
      name: 'pg-boss, work() at its defaults',
      text: '`localConcurrency` of the row, else as it comes: one job every two seconds and worker; three tasks a worker',
    },
  ],
};
