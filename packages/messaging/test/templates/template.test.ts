import { describe, expect, it } from 'vitest';
import { isMessagingError } from '../../src/index.js';
import { checkTemplate, compileTemplate } from '../../src/templates/template.js';

const template = (fields: object) => ({ key: 'greeting', locale: 'en', body: 'Hello', ...fields });

function faults(fields: object): string[] {
  try {
    checkTemplate(template(fields));
    return [];
  } catch (error) {
    if (!isMessagingError(error)) throw error;
    return ((error.details?.errors ?? []) as { path: string }[]).map(({ path }) => path);
  }
}

describe('a template', () => {
  it.each([
    ['key', { key: '1st' }],
    ['key', { key: undefined }],
    ['locale', { locale: 'english language' }],
    ['locale', { locale: undefined }],
    ['body', { body: ' ' }],
    ['body', { body: 'x'.repeat(4_001) }],
    ['body', { body: 'a\u0000b' }],
    ['body', { body: 'Hello {{ name }}' }],
    ['body', { body: 'Hello {{ text' }],
    ['body', { body: 'Hello }} {{' }],
  ])('is refused for its %s: %j', (path, fields) => {
    expect(faults(fields)).toEqual([path]);
  });

  it('is filled whatever white space its places hold', () => {
    const body = 'a{{text}}b{{ text }}c{{\n\ttext  }}d';
    expect(faults({ body })).toEqual([]);
    expect(compileTemplate(body)({ text: '-' })).toBe('a-b-c-d');
  });

  it('that is made to be slow is judged in time', () => {
    // Milliseconds when the work grows with the text; past the time limit of a test when it grows with its cube.
    for (const body of [`{{${' '.repeat(3_990)}x`, '{{'.repeat(2_000), '{{ '.repeat(1_333)])
      expect(faults({ body })).toEqual(['body']);
  });
});
