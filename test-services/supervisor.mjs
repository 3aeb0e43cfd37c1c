// Owns the servers that a test process starts. It runs as a process of its own and gets its orders over the IPC channel;
// when that channel closes, because the tests ended or were killed in whatever way, it ends the servers and removes
// their folders. It is the parent of every server, so the pids it signals are never somebody else's.
import { spawn } from 'node:child_process';
import { rm } from 'node:fs/promises';

const GRACE_MS = 2_000;
const servers = new Map();
const folders = new Set();

const report = (message) => {
  // The channel may be gone by now; then nobody is interested either.
  if (process.connected) process.send(message, () => undefined);
};

function start({ id, argv, env, uid, gid, stopSignal }) {
  const [program, ...args] = argv;
  const child = spawn(program, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    windowsHide: true,
    ...(uid === undefined ? {} : { uid, gid }),
  });
  const exited = new Promise((resolve) => {
    child.once('error', (error) => {
      report({ type: 'failed', id, error: error.message });
      resolve();
    });
    child.once('close', (code, signal) => {
      report({ type: 'exited', id, code, signal });
      resolve();
    });
  });
  servers.set(id, { child, exited, stopSignal });
  void exited.then(() => servers.delete(id));
  const log = (data) => report({ type: 'log', id, text: String(data) });
  child.stdout.on('data', log);
  child.stderr.on('data', log);
  if (child.pid !== undefined) report({ type: 'started', id, pid: child.pid });
}

async function end({ child, exited, stopSignal }) {
  child.kill(stopSignal);
  child.kill('SIGCONT'); // a stopped process does not notice the other signal
  const timer = setTimeout(() => child.kill('SIGKILL'), GRACE_MS);
  await exited;
  clearTimeout(timer);
}

process.on('message', (order) => {
  if (order.type === 'start') start(order);
  else if (order.type === 'signal') servers.get(order.id)?.child.kill(order.signal);
  else if (order.type === 'folder') folders.add(order.path);
});

process.once('disconnect', async () => {
  await Promise.all([...servers.values()].map(end));
  await Promise.all([...folders].map((path) => rm(path, { recursive: true, force: true })));
  process.exit();
});

// The order to end is the closed channel, not a signal that somebody sends to everything in sight.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined);
