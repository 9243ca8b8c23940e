/** Hostile text is read in a thread, within a limit, and never stops the server. */
import { type Comparison, directJudge } from '@berth/core/judge';
import { afterEach, expect, test, vi } from 'vitest';
import { createJudge, type ServerJudge } from '../../src/judging/judge.ts';

const opened: ServerJudge[] = [];
const judgeWith = (limitMs?: number): ServerJudge => {
  const judge = createJudge(limitMs === undefined ? {} : { limitMs });
  opened.push(judge);
  return judge;
};
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(opened.splice(0).map((judge) => judge.close()));
});

const { signal } = new AbortController();
type Files = Readonly<Record<string, string>>;
const treeOf = (files: Files) => ({
  repository: 'app',
  paths: new Set(Object.keys(files)),
  texts: files,
  ids: Object.fromEntries(Object.entries(files).map(([path, text]) => [path, `0${text}`])),
});
const compare = (judge: Pick<ServerJudge, 'compare'>, was: Files, is: Files, stop = signal) => {
  const comparison: Comparison = {
    target: [treeOf(was)],
    change: [treeOf(is)],
    lines: { app: ['node --test'] },
  };
  const texts = { target: was, change: is };
  return judge.compare(comparison, async (side, _, path) => texts[side][path], stop);
};

const WAS = {
  'sum.js': 'export const sum = 1;\n',
  'sum.test.js': "test('a', () => assert.equal(sum, 1));\n",
};
const LARGE = Object.fromEntries(
  Array.from({ length: 50 }, (_, index) => [`x${index}.test.js`, 'test(() => {'.repeat(20_000)]),
);

test('a change is compared in a thread as it is in place, and so is what a gate prints', async () => {
  const judge = judgeWith();
  const is = { 'sum.js': 'export const sum = 2;\n' };
  const found = await compare(judge, WAS, is);
  expect(found).toEqual(await compare(directJudge, WAS, is));
  expect(found?.app?.weakened).toMatchObject([{ kind: 'test_deleted', subject: 'sum.test.js' }]);
  const output = '✓ a > b (3 ms)\nTests  1 failed | 1 passed (2)\n';
  expect(await judge.testsIn(output, signal)).toEqual(await directJudge.testsIn(output, signal));
});

test('what takes too long is unreadable, the server goes on meanwhile, and so does the next change', async () => {
  const judge = judgeWith(1);
  let ticks = 0;
  const ticking = setInterval(() => (ticks += 1), 1);
  const was = Object.fromEntries(Object.keys(LARGE).map((path) => [path, 'test(() => {})']));
  expect(await compare(judge, was, LARGE)).toBeUndefined();
  clearInterval(ticking);
  expect(ticks).toBeGreaterThan(0);
  expect(await compare(judgeWith(), WAS, WAS)).toMatchObject({ app: { weakened: [] } });
});

test('more changes than threads wait for one', async () => {
  const judge = judgeWith();
  const all = await Promise.all(Array.from({ length: 5 }, () => compare(judge, WAS, {})));
  for (const found of all) expect(found?.app?.weakened).toMatchObject([{ kind: 'test_deleted' }]);
});

test('time spent on reading files does not count', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  const judge = judgeWith(1000);
  const is = { ...WAS, 'sum.test.js': 'x' };
  const comparison: Comparison = {
    target: [treeOf(WAS)],
    change: [treeOf(is)],
    lines: { app: ['node --test'] },
  };
  const texts = { target: WAS, change: is };
  const slowly = async (side: 'target' | 'change', _: string, path: string) => {
    vi.advanceTimersByTime(10_000);
    return texts[side][path as keyof typeof WAS];
  };
  expect(await judge.compare(comparison, slowly, signal)).toMatchObject({
    app: { weakened: [{ kind: 'test_reduced' }] },
  });
});

test('a file that cannot be read, and a cancel, end the comparison with their own error', async () => {
  const judge = judgeWith();
  const comparison: Comparison = {
    target: [treeOf(WAS)],
    change: [treeOf({ ...WAS, 'sum.test.js': 'x' })],
    lines: { app: ['node --test'] },
  };
  const broken = new Error('no git');
  await expect(judge.compare(comparison, () => Promise.reject(broken), signal)).rejects.toBe(broken);
  const stopping = new AbortController();
  const stopped = judge.compare(
    comparison,
    () => {
      stopping.abort(new Error('stop'));
      return new Promise(() => undefined);
    },
    stopping.signal,
  );
  await expect(stopped).rejects.toThrow('stop');
  expect(await compare(judge, WAS, WAS)).toMatchObject({ app: { weakened: [] } });
});
