import { connect, createServer, type Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type TcpProxy, tcpProxy } from '../test-services/tcp-proxy.js';

const echo = createServer((socket) => socket.on('error', () => undefined).pipe(socket));
let proxy: TcpProxy;
let sockets: Socket[] = [];

beforeAll(() => new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve)));
afterAll(() => new Promise((resolve) => echo.close(resolve)));
beforeEach(async () => {
  const address = echo.address();
  proxy = await tcpProxy(`redis://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/3`);
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await proxy.close();
});

/** A client whose received text and end can be looked at. */
function client() {
  const socket = connect(proxy.port, '127.0.0.1');
  sockets.push(socket);
  const state = { socket, text: '', ended: false };
  socket.on('data', (data) => {
    state.text += data;
  });
  socket
    .on('error', () => undefined)
    .on('close', () => {
      state.ended = true;
    });
  return state;
}

describe('tcpProxy', () => {
  it('passes bytes both ways and keeps the rest of the URL', async () => {
    expect(proxy.url).toBe(`redis://127.0.0.1:${proxy.port}/3`);
    const peer = client();
    peer.socket.write('hello');
    await vi.waitFor(() => expect(peer.text).toBe('hello'));
    expect(proxy.connections).toBe(1);
  });

  it('holds bytes in a blackhole and lets them pass when it heals', async () => {
    proxy.set({ blackhole: true });
    const peer = client();
    peer.socket.write('held');
    await vi.waitFor(() => expect(proxy.connections).toBe(1));
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(peer.text).toBe('');
    proxy.heal();
    await vi.waitFor(() => expect(peer.text).toBe('held'));
  });

  it('cuts a connection after so many bytes', async () => {
    proxy.set({ cutAfterBytes: 3 });
    const peer = client();
    peer.socket.write('abcdef');
    await vi.waitFor(() => expect(peer.ended).toBe(true));
    expect('abc'.startsWith(peer.text)).toBe(true);
  });

  it('resets open connections and refuses new ones', async () => {
    const peer = client();
    peer.socket.write('x');
    await vi.waitFor(() => expect(peer.text).toBe('x'));
    proxy.set({ refuse: true });
    proxy.reset();
    const late = client();
    await vi.waitFor(() => expect([peer.ended, late.ended]).toEqual([true, true]));
    expect(proxy.connections).toBe(0);
  });
});
