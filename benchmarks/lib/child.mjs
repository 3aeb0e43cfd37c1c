import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('./child-process.mjs', import.meta.url));
const OUTPUT_LIMIT = 4_000;

/** Messages in the order they came, for one reader. */
export function mailbox() {
  const arrived = [];
  const readers = [];
  return {
    put(message) {
      const reader = readers.shift();
      if (reader) reader.resolve(message);
      else arrived.push(message);
    },
    fail(error) {
      for (const reader of readers.splice(0)) reader.reject(error);
    },
    next() {
      if (arrived.length > 0) return Promise.resolve(arrived.shift());
      return new Promise((resolve, reject) => readers.push({ resolve, reject }));
    },
  };
}

/**
 * Calls an exported function of a module in a process of its own, as `fn(params, channel)`.
 * The process ends with the function, with this process, or at the deadline.
 */
export function startChild(module, name, params = {}, { deadlineMs = 300_000 } = {}) {
  const child = fork(ENTRY, [], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const inbox = mailbox();
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data) => {
      output = (output + data).slice(-OUTPUT_LIMIT);
    });
  }
  const result = new Promise((resolve, reject) => {
    let failure = `took longer than ${deadlineMs / 1_000} s`;
    let value;
    let ended = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), deadlineMs);
    child.on('message', (message) => {
      if (message.type === 'message') inbox.put(message.value);
      else if (message.type === 'failed') failure = message.error;
      else {
        ended = true;
        value = message.value;
      }
    });
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (ended) return resolve(value);
      if (signal === null && failure.startsWith('took')) failure = `ended with ${code}`;
      const error = new Error(`${name} ${JSON.stringify(params)}: ${failure}\n${output}`);
      error.run = [name, params.contender?.label, params.concurrency].filter(Boolean).join(', ');
      inbox.fail(error);
      return reject(error);
    });
  });
  result.catch(() => undefined); // reported where it is awaited
  child.send({ module, name, params });
  return {
    result,
    next: inbox.next,
    send: (value) => child.send(value),
    kill: (signal) => child.kill(signal),
  };
}

/** {@link startChild} for a function that needs no talk. */
export const runChild = (module, name, params, options) =>
  startChild(module, name, params, options).result;
