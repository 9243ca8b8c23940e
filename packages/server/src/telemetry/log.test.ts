import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

const collect = (level: 'debug' | 'warn' = 'debug') => {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  return { log: createLog(level, destination), lines, last: () => JSON.parse(lines.at(-1) ?? '{}') };
};

const OURS = `berth_${'a'.repeat(20)}`;

describe('the log', () => {
  it.each(['debug', 'info', 'warn', 'error'] as const)('writes %s as one line of JSON', (level) => {
    const { log, lines, last } = collect();
    log[level]('task.run', { id: 'tk_1', count: 3 });
    expect(lines).toHaveLength(1);
    expect(last()).toMatchObject({ level, event: 'task.run', id: 'tk_1', count: 3 });
  });

  it('finds secrets however deep they lie, and stops at a depth', () => {
    const { log, lines } = collect();
    log.info('a.b', {
      outer: [{ inner: { text: OURS, error: new Error(OURS, { cause: OURS }), password: 'plain' } }],
    });
    expect(lines.join()).not.toMatch(new RegExp(`${OURS}|plain`));
    const ring: Record<string, unknown> = {};
    ring.ring = ring;
    log.info('a.b', { ring });
    expect(lines.at(-1)).toContain('…');
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = collect('warn');
    log.info('task.run', {});
    expect(lines).toEqual([]);
  });

  it('writes to stderr when nothing else is said', () => {
    expect(() => createLog('silent').error('task.run', {})).not.toThrow();
  });

  it.each(['token', 'key', 'secret', 'password', 'authorization', 'cookie', 'apiKey'])(
    'takes out the field %s, also one level down',
    (name) => {
      const { log, last } = collect();
      log.info('a.b', { [name]: 'plain', inner: { [name]: 'plain', kept: 1 } });
      expect(last()).toMatchObject({ [name]: '•••', inner: { [name]: '•••', kept: 1 } });
    },
  );

  it.each([OURS, `sk-${'b'.repeat(20)}`, `AIza${'c'.repeat(24)}`, `ghp_${'d'.repeat(24)}`])(
    'takes %s out of texts and lists',
    (secret) => {
      const { log, last } = collect();
      log.info('a.b', { text: `x ${secret} y ${secret}`, list: [`z ${secret}`, 1, [secret]] });
      expect(last()).toMatchObject({ text: 'x ••• y •••', list: ['z •••', 1, ['•••']] });
    },
  );

  it('says who acted, by the id that opens nothing', () => {
    const { log, last } = collect();
    const id = `ky_${'0'.repeat(20)}`;
    log.info('task.create', { caller: id, token: id, key: undefined });
    expect(last()).toEqual({
      level: 'info',
      time: expect.any(Number),
      event: 'task.create',
      caller: id,
      token: id,
    });
  });

  it.each([
    ['authorization: Bearer abcdefgh.ijkl', 'authorization: Bearer •••'],
    ['https://user:p4ss@example.com/x', 'https://user:•••@example.com/x'],
    [`fatal: https://x:${OURS}@example.com`, 'fatal: https://x:•••@example.com'],
    [`github_pat_${'e'.repeat(30)}`, '•••'],
  ])('takes secrets out of %s', (text, cleaned) => {
    const { log, last } = collect();
    log.info('a.b', { text, 'Set-Cookie': 'a=b', access_token: 'x', headers: { 'x-api-key': ['y'] } });
    expect(last()).toMatchObject({
      text: cleaned,
      'Set-Cookie': '•••',
      access_token: '•••',
      headers: { 'x-api-key': '•••' },
    });
  });

  it('holds nothing that a terminal obeys', () => {
    const { log, lines } = collect();
    log.info('a.b', { text: 'a\u001b]52;c;eA\u0007\u009b2J\u202eb\nc' });
    expect(lines[0]?.trimEnd()).not.toMatch(/[\p{Cc}\u202e]/u);
  });

  it('writes an error with all of its causes, without secrets', () => {
    const { log, last } = collect();
    const cause = new TypeError(`bad ${OURS}`, { cause: 'no error' });
    log.error('a.b', { error: new Error('outer', { cause }), errors: [new Error(OURS)] });
    expect(last()).toMatchObject({
      error: 'Error: outer ← TypeError: bad ••• ← no error',
      errors: ['Error: •••'],
    });
  });
});
