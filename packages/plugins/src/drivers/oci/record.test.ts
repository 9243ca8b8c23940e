import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished, test } from 'vitest';
import { readRecord, writeRecord } from './record.ts';

const folderOf = async (): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'berth-record-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
};

const process = { pid: 1, startTicks: 2 };

test('a record says what its machine is without, and so does one that an earlier server wrote as text', async ({
  expect,
}) => {
  const folder = await folderOf();
  const unenforced = [
    { kind: 'verdict', reason: 'one id: for all' },
    { kind: 'memory', reason: 'no cgroups' },
  ] as const;
  await writeRecord(folder, { version: 1, process, unenforced: [...unenforced] });
  expect(await readRecord(folder)).toEqual({ version: 1, process, unenforced });
  const path = join(folder, 'machine.json');
  const written = JSON.parse(await readFile(path, 'utf8'));
  const text = unenforced.map(({ kind, reason }) => `${kind}: ${reason}`);
  await writeFile(path, JSON.stringify({ ...written, unenforced: text }));
  expect(await readRecord(folder)).toEqual({ version: 1, process, unenforced });
});

test('a record of an unknown kind is not a record', async ({ expect }) => {
  const folder = await folderOf();
  const record = { version: 1, process, unenforced: ['Verdict: forgeable'] };
  await writeFile(join(folder, 'machine.json'), JSON.stringify(record));
  expect(await readRecord(folder)).toBeUndefined();
});
