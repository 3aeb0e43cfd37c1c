import { readCsv } from './csv.js';
import { type DemoMessage, fileMessages, sampleMessages } from './messages.js';
import { DemoOptionError, type DemoOptions, HELP, parseOptions } from './options.js';
import { progressOn } from './progress.js';
import { runDemo } from './run.js';
import { startServer } from './server-process.js';
import { failuresOf, renderSummary } from './summary.js';

async function readMessages({ file, limit }: DemoOptions): Promise<DemoMessage[]> {
  if (file === undefined) return sampleMessages().slice(0, limit);
  const { rows, skipped } = await readCsv(file, limit);
  if (skipped > 0) console.log(`${skipped} rows without a text are left out`);
  return fileMessages(rows);
}

/** The server to talk to: the one that was named, or one that lives as long as the demo. */
async function openServer({ url, secret }: DemoOptions) {
  if (url !== undefined && secret !== undefined)
    return { url, secret, stop: () => Promise.resolve() };
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
    const report = await runDemo({
      ...options,
      url: server.url,
      secret: server.secret,
      messages,
      progress: progressOn(process.stdout),
    });
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

process.exitCode = await main();
