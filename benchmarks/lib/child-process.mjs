// The other end of child.mjs.
import { mailbox } from './child.mjs';

const inbox = mailbox();
const channel = {
  send: (value) => process.send({ type: 'message', value }),
  next: inbox.next,
};

process.on('disconnect', () => process.exit(1));
process.once('message', async ({ module, name, params }) => {
  process.on('message', inbox.put);
  try {
    const value = await (await import(module))[name](params, channel);
    process.send({ type: 'returned', value }, () => process.exit(0));
  } catch (error) {
    process.send({ type: 'failed', error: String(error?.stack ?? error) }, () => process.exit(1));
  }
});
