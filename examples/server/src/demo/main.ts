import { readCsv } from './csv.js';
import { type DemoMessage, fileMessages, sampleMessages } from './messages.js';
import { DemoOptionError, type DemoOptions, HELP, parseOptions } from './options.js';
import { progressOn } from './progress.js';
import { runDemo } from './run.js';
import { type ServerProcess, startServer } from './server-process.js';
import { failuresOf, renderSummary } from './summary.js';

async function readMessages({ file, limit }: DemoOptions): Promise<DemoMessage[]> {
  if (file === undefined) return sampleMessages().slice(0, limit);
  const { rows, skipped } = await readCsv(file, limit);
  if (skipped > 0) console.log(`${skipped} rows without a text are left out`);
  return fileMessages(rows);
}

/** The server to talk to: the one that was named, or one that lives as long as the demo. */
async function openServer({ url, secret }: DemoOptions): Promise<ServerProcess> {
  if (url !== undefined && secret !== undefined) {
    const never = new Promise<never>(() => undefined);
    return { url, secret, failed: never, stop: () => Promise.resolve() };
  }
  console.log('Starting the reference server with a new database');
  return await startServer();
}

async function demo(options: DemoOptions): Promise<number> {
  const messages = await readMessages(options);
  const server = await openServer(options);
  const interrupted = () => void server.stop().finally(() => process.exit(130));
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const pace = options.rate === 0 ? 'as fast as it goes' : `${options.rate} a second`;
    console.log(`Sending ${messages.length} messages to ${server.url}, ${pace}`);
    const run = runDemo({
      ...options,
      url: server.url,
      secret: server.secret,
      messages,
      progress: progressOn(process.stdout),
    });
    const report = await Promise.race([run, server.failed]);
    console.log(`\n${renderSummary(report)}`);
    return failuresOf(report).length === 0 ? 0 : 1;
  } finally {
    await server.stop();
  }
}

async function main(): Promise<number> {
  try {
    const options = parseOptions(process.argv.slice(2));
    if (options !== 'help') return await demo(options);
    console.log(HELP);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return error instanceof DemoOptionError ? 2 : 1;
  }
}

const code = await main();
// A run that failed may still hold requests and timers; what was printed goes out first.
process.stdout.write('', () => process.exit(code));
