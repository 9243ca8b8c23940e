import { expect, test } from 'vitest';
import { createRefreshes, type Looked, MAX_SILENT } from './refreshes.ts';

const PATIENT_MS = 60_000;

/** Looks that are answered when the test says so. */
const source = () => {
  const begun: ((answered: boolean) => void)[] = [];
  const look = () =>
    new Promise<Looked>((resolve) => {
      begun.push((answered) => resolve({ answered, reason: undefined }));
    });
  return { begun, look };
};

test('a source that was silent keeps nobody waiting until it has answered again', async () => {
  const refresh = createRefreshes(10);
  const { begun, look } = source();
  expect(await refresh('a', look)).toMatch(/did not answer within 10 ms/);
  expect(await refresh('a', look)).toMatch(/did not answer the last refresh/);
  expect(begun).toHaveLength(1);
  begun[0]?.(true);
  await expect.poll(() => begun.length).toBe(2);
  let waits = true;
  const asked = createRefreshes(PATIENT_MS)('a', look).then(() => {
    waits = false;
  });
  expect(waits).toBe(true);
  begun[2]?.(true);
  await asked;
});

test('all that ask during a look share the next one', async () => {
  const refresh = createRefreshes(PATIENT_MS);
  const { begun, look } = source();
  const first = refresh('a', look);
  const others = [refresh('a', look), refresh('a', look)];
  begun[0]?.(true);
  await first;
  await expect.poll(() => begun.length).toBe(2);
  begun[1]?.(true);
  await Promise.all(others);
  expect(begun).toHaveLength(2);
});

test('a cancel ends the waiting, and what went wrong is told to who waits', async () => {
  const refresh = createRefreshes(PATIENT_MS);
  const cancel = new AbortController();
  const waiting = refresh('a', source().look, cancel.signal);
  cancel.abort(new RangeError('enough'));
  await expect(waiting).rejects.toThrow('enough');
  await expect(refresh('b', () => Promise.reject(new RangeError('full')))).rejects.toThrow('full');
});

test('no more silent sources are remembered than the bound, the latest', async () => {
  const refresh = createRefreshes(PATIENT_MS);
  const silent = async () => ({ answered: false, reason: 'silent' });
  for (let index = 0; index <= MAX_SILENT; index += 1) await refresh(`${index}`, silent);
  expect(await refresh(`${MAX_SILENT}`, silent)).toMatch(/did not answer the last refresh/);
  expect(await refresh('0', silent)).not.toMatch(/did not answer the last refresh/);
});
