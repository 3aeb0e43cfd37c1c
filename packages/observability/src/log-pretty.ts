import type { LogDestination } from './log-destination.js';

const COLOURS: Readonly<Record<string, string>> = {
  trace: '90',
  debug: '36',
  info: '32',
  warn: '33',
  error: '31',
  fatal: '97;41',
};
const HEAD = new Set(['level', 'time', 'msg', 'module', 'service', 'version', 'environment']);

type Paint = (code: string, text: string) => string;

/** Lines for people instead of JSON: time, level, module, message, then the other fields, errors below. */
export function prettyDestination(target: LogDestination, colour: boolean): LogDestination {
  const paint: Paint = (code, text) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    write: (line) => target.write(prettyLine(line, paint)),
    flushSync: () => target.flushSync?.(),
  };
}

function prettyLine(line: string, paint: Paint): string {
  const parsed: unknown = JSON.parse(line);
  if (typeof parsed !== 'object' || parsed === null) return line;
  const fields: Record<string, unknown> = { ...parsed };
  const level = String(fields.level);
  const head = [
    paint('90', String(fields.time).slice(11, 23)),
    paint(COLOURS[level] ?? '0', level.toUpperCase().padEnd(5)),
    ...(fields.module === undefined ? [] : [paint('35', String(fields.module))]),
    ...(fields.msg === undefined ? [] : [printable(String(fields.msg))]),
  ];
  const below: string[] = [];
  for (const [key, value] of Object.entries(fields)) {
    if (HEAD.has(key)) continue;
    if (isError(value)) below.push(...errorLines(value, key, paint));
    else head.push(paint('90', `${key}=`) + shown(value));
  }
  return `${[head.join(' '), ...below].join('\n')}\n`;
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return printable(value);
  return JSON.stringify(value) ?? 'undefined';
}

interface PlainError {
  stack: string;
  cause?: unknown;
}

function isError(value: unknown): value is PlainError {
  return (
    typeof value === 'object' &&
    value !== null &&
    'stack' in value &&
    typeof value.stack === 'string'
  );
}

function errorLines(error: PlainError, label: string, paint: Paint): string[] {
  const { stack, cause } = error;
  const [first = '', ...frames] = stack.split('\n').map((line) => printable(line));
  const lines = [`  ${label}: ${paint('31', first)}`, ...frames.map((f) => paint('90', `  ${f}`))];
  if (isError(cause)) lines.push(...errorLines(cause, 'cause', paint));
  else if (cause !== undefined) lines.push(`  cause: ${shown(cause)}`);
  return lines;
}

/** Text that comes from outside must not steer the terminal. */
function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '\ufffd');
}
