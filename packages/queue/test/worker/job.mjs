// What the tests of threads run: one function for everything a job may do.
const strange = { text: 'a text', object: { toString: null } };
const hold = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export default async function job(payload, context) {
  switch (payload.do) {
    case 'add':
      return { sum: payload.a + payload.b, date: payload.date?.getTime(), task: context.id };
    case 'throw':
      throw Object.assign(new TypeError('from the thread'), { code: 'ETHREAD' });
    case 'unrecoverable':
      throw Object.assign(new Error('useless'), { name: 'UnrecoverableError' });
    case 'throw-text':
      throw strange.text;
    case 'throw-strange':
      throw strange.object;
    case 'exit':
      process.exit(7);
      break;
    case 'uncaught':
      setTimeout(() => {
        throw new Error('nobody catches this');
      }, 1);
      return hold(60_000);
    case 'memory': {
      const kept = [];
      for (;;) kept.push(new Array(100_000).fill(kept.length));
    }
    case 'block':
      for (;;);
    case 'until-aborted':
      await new Promise((resolve) => context.signal.addEventListener('abort', resolve));
      throw context.signal.reason;
    case 'spin': {
      const end = Date.now() + payload.ms;
      while (Date.now() < end);
      return 'spun';
    }
    case 'function':
      return () => undefined;
    default:
      return undefined;
  }
}
