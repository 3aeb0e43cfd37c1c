import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressPolicy } from '../../src/webhooks/address-policy.js';
import { brokenUrlRule } from '../../src/webhooks/webhook-url.js';

const closed = addressPolicy([]);
const rule = (url: string) => brokenUrlRule(url, { policy: closed, requireHttps: false });

const HOSTILE_URLS = [
  'http://127.0.0.1/',
  'http://127.1/',
  'http://127.255.255.254/',
  'http://0x7f.1/',
  'http://0x7f000001/',
  'http://2130706433/',
  'http://017700000001/',
  'http://0177.0.0.1/',
  'http://127。0。0。1/',
  'http://１２７.0.0.1/',
  'http://0/',
  'http://0.0.0.0/',
  'http://localhost/',
  'http://LOCALHOST:8080/',
  'http://localhost./',
  'http://a.localhost/',
  'http://10.0.0.1/',
  'http://10.255.255.255/',
  'http://172.16.0.1/',
  'http://172.31.255.255/',
  'http://192.168.1.1/',
  'http://169.254.169.254/latest/meta-data/',
  'http://169.254.170.2/',
  'http://0xa9fea9fe/',
  'http://2852039166/',
  'http://100.64.0.1/',
  'http://100.127.255.255/',
  'http://100.100.100.200/',
  'http://168.63.129.16/',
  'http://192.0.0.1/',
  'http://192.0.0.192/',
  'http://192.0.2.1/',
  'http://192.88.99.1/',
  'http://198.18.0.1/',
  'http://198.19.255.255/',
  'http://198.51.100.1/',
  'http://203.0.113.1/',
  'http://224.0.0.1/',
  'http://239.255.255.250/',
  'http://240.0.0.1/',
  'http://255.255.255.255/',
  'http://[::]/',
  'http://[::1]/',
  'http://[0:0:0:0:0:0:0:1]/',
  'http://[::ffff:127.0.0.1]/',
  'http://[::ffff:7f00:1]/',
  'http://[::ffff:a9fe:a9fe]/',
  'http://[::127.0.0.1]/',
  'http://[64:ff9b::7f00:1]/',
  'http://[64:ff9b::a9fe:a9fe]/',
  'http://[64:ff9b:1::1]/',
  'http://[100::1]/',
  'http://[2001::1]/',
  'http://[2001:0:7f00:1::]/',
  'http://[2001:10::1]/',
  'http://[2001:db8::1]/',
  'http://[2002:7f00:1::]/',
  'http://[2002:a9fe:a9fe::]/',
  'http://[3fff::1]/',
  'http://[fc00::1]/',
  'http://[fd00:ec2::254]/',
  'http://[fe80::1]/',
  'http://[fec0::1]/',
  'http://[ff02::1]/',
  'http://[5f00::1]/',
  'http://user@example.com/',
  'http://user:secret@example.com/',
  'http://127.0.0.1@example.com/',
  'ftp://example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:70/',
  'javascript:alert(1)',
  'data:text/plain,x',
  '//example.com/',
  'example.com/hook',
  'http://',
  'http:///',
  'https://exa mple.com/',
  '',
];

describe('the address of a webhook', () => {
  it.each(HOSTILE_URLS)('refuses %s', (url) => {
    expect(rule(url)).toEqual(expect.any(String));
  });

  it('tries at least 60 of them', () => {
    expect(new Set(HOSTILE_URLS).size).toBeGreaterThanOrEqual(60);
  });

  it.each([
    'https://example.com/hook',
    'http://example.com:8080/a?b=c#d',
    'https://8.8.8.8/',
    'https://[2606:4700:4700::1111]/',
    'https://xn--e1afmkfd.xn--p1ai/',
    'https://пример.рф/',
  ])('takes %s', (url) => {
    expect(rule(url)).toBe(null);
  });

  it('is at most 500 characters long', () => {
    expect(rule(`https://example.com/${'a'.repeat(480)}`)).toBe(null);
    expect(rule(`https://example.com/${'a'.repeat(481)}`)).toContain('500');
  });

  it('has a port that can be connected to', () => {
    expect(rule('https://example.com:0/')).toContain('port');
  });

  it('may have to be https', () => {
    expect(brokenUrlRule('http://example.com/', { policy: closed, requireHttps: true })).toContain(
      'https',
    );
  });
});

describe('networks that are allowed by name', () => {
  const policy = addressPolicy(['127.0.0.0/8', 'fd00::/8']);

  it('open these and nothing else', () => {
    const reached = ['127.0.0.1', '127.9.9.9', '::ffff:127.0.0.1', 'fd12::1', '8.8.8.8'];
    const refused = ['10.0.0.1', '::1', 'fe80::1', '169.254.169.254', 'localhost', '', '0x7f.1'];
    expect(reached.filter((address) => !policy.allows(address))).toEqual([]);
    expect(refused.filter((address) => policy.allows(address))).toEqual([]);
  });

  it('open localhost when they hold one of its addresses', () => {
    const judge = (network: string) =>
      brokenUrlRule('http://localhost:9000/', {
        policy: addressPolicy([network]),
        requireHttps: false,
      });
    expect(judge('127.0.0.0/8')).toBe(null);
    expect(judge('::1/128')).toBe(null);
    expect(judge('10.0.0.0/8')).toContain('public');
  });

  it('are named in the error when they are malformed', () => {
    expect(() => addressPolicy(['10.0.0.0/8', 'nonsense'])).toThrow('webhooks.allowNetworks[1]');
  });

  it('never open a private address written as IPv6', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('10', '127', '0', '169.254', '192.168'),
        fc.nat(255),
        fc.nat(255),
        (head, a, b) => {
          const parts = [...head.split('.'), String(a), String(b), '1'].slice(0, 4).join('.');
          expect(closed.allows(parts)).toBe(false);
          expect(closed.allows(`::ffff:${parts}`)).toBe(false);
          expect(closed.allows(`64:ff9b::${parts}`)).toBe(false);
        },
      ),
    );
  });
});
