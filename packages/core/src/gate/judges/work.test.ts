/** What a repository holds decides how many questions there are, but not for how long the server answers nobody. */
import { expect, test } from 'vitest';
import { type Files, weakened } from '../../../testing/judge-trial.ts';

const FILES = 500;
const LINES_OF_A_FILE = 50;
const files = (count: number): Files =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`y/${index}/b`, 'x']));
const linesOf = (count: number, line: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => `\t${line(index)}\n`).join('');

/** Processor time, and the least of a few runs: the clock and what is collected meanwhile tell of the machine. */
const workOf = async (run: () => Promise<unknown>): Promise<number> => {
  const runs: number[] = [];
  for (let n = 0; n < 3; n++) {
    const start = process.cpuUsage();
    await run();
    const { user, system } = process.cpuUsage(start);
    runs.push(user + system);
  }
  return Math.min(...runs);
};

const LINES: readonly [string, (index: number) => string][] = [
  ['a script that is computed', () => 'sh $A'],
  ['each time another one', (index) => `sh $A/${index}/b`],
  ['a folder of programs', () => 'PATH=y sh'],
  ['a pattern of tests', (index) => `node --test 'y/*${index}*/b*'`],
  ['a folder that is entered', (index) => `cd y${index} && make`],
  ['a script of a package', (index) => `npm run a${index}`],
];

test.each(LINES)('lines times files are not looked at one by one: %s', async (_, line) => {
  const judge = (size: number) => () => {
    const was = {
      ...files(size * FILES),
      Makefile: 'test:\n\ttrue\n',
      'x/Makefile': `t:\n${linesOf(size * LINES_OF_A_FILE, line)}`,
    };
    return weakened('make test', was, { ...was, 'z/z.txt': 'z' });
  };
  await judge(1)();
  const [once, more] = [await workOf(judge(2)), await workOf(judge(8))];
  // Four times as much: 4 when linear, 16 when each line meets each file.
  expect(more / once).toBeLessThan(10);
});
