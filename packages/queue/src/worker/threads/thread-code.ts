/**
 * What a thread runs. A text rather than a file, so that it works from source, from a build and from a bundle. It
 * loads the job's module once, then runs one job at a time; what a job leaves behind (a timer that throws) ends the
 * thread, never the process.
 */
export const THREAD_CODE = `
const { parentPort, workerData } = require('node:worker_threads');
const loading = import(workerData.module);
loading.catch(() => undefined);
let controller;

function sent(error) {
  const { name, message, stack, code, when } = error;
  return {
    name: String(name),
    message: String(message),
    ...(typeof stack === 'string' ? { stack } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    ...(when instanceof Date || typeof when === 'number' || typeof when === 'string' ? { when } : {}),
  };
}

function answerOf(error) {
  try {
    if (error instanceof Error) return { kind: 'rejected', error: sent(error) };
    const plain = error === null || (typeof error !== 'object' && typeof error !== 'function' && typeof error !== 'symbol');
    return { kind: 'thrown', value: plain ? error : String(error) };
  } catch {
    return { kind: 'rejected', error: { name: 'Error', message: 'an error that cannot be read' } };
  }
}

async function run({ payload, task }) {
  controller = new AbortController();
  try {
    const job = (await loading).default;
    if (typeof job !== 'function') throw new TypeError('The module has no default export that is a function');
    const value = await job(payload, { ...task, signal: controller.signal });
    parentPort.postMessage({ kind: 'resolved', value });
  } catch (error) {
    parentPort.postMessage(answerOf(error));
  }
  controller = undefined;
}

parentPort.on('message', (message) => {
  if (message.kind === 'run') return void run(message);
  if (controller === undefined) return;
  const reason = Object.assign(new Error(message.message), { code: message.code });
  reason.name = 'QueueError';
  controller.abort(reason);
});
`;
