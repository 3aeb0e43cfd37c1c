import { Logger, makeWorkerUtils, run, runMigrations } from 'graphile-worker';
import { inPieces, Ledger } from '../measure.mjs';
import { untilNone } from '../postgres.mjs';

const logger = new Logger(() => () => undefined);
const UNFINISHED = 'select count(*)::int as count from graphile_worker._private_jobs';

const VARIANTS = {
  defaults: {},
  // The preset of its own performance tests.
  batched: {
    localQueue: { size: 500, refetchDelay: { durationMs: 10 } },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
  },
};

export const adapter = {
  prepare: (_contender, url) => runMigrations({ connectionString: url, logger }),

  async producer(_contender, url) {
    const utils = await makeWorkerUtils({ connectionString: url, logger });
    return {
      one: (payload) => utils.addJob('noop', payload),
      bulk: (count, size) =>
        inPieces(count, size, (payloads) =>
          utils.addJobs(payloads.map((payload) => ({ identifier: 'noop', payload }))),
        ),
      waiting: () =>
        utils.withPgClient(async (client) => (await client.query(UNFINISHED)).rows[0].count),
      close: () => utils.release(),
    };
  },

  async worker({ variant }, { url, concurrency, handler, tasks }) {
    const ledger = new Ledger(tasks ?? 0);
    const preset = {
      worker: {
        connectionString: url,
        concurrentJobs: concurrency,
        maxPoolSize: Math.min(concurrency, 24) + 1,
        ...VARIANTS[variant],
      },
    };
    const noop = async (payload) => {
      await handler(payload);
      ledger.ran(payload.i ?? 0);
    };
    let runner;
    return {
      async start() {
        runner = await run({ preset, logger, noHandleSignals: true, taskList: { noop } });
      },
      // It deletes what is done, some time after the handler.
      drained: ledger.allRan.then(() => untilNone(url, UNFINISHED)),
      close: () => runner.stop(),
    };
  },
};
