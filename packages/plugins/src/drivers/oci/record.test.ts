import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execPath } from 'node:process';
import { promisify } from 'node:util';
import { onTestFinished, test } from 'vitest';
import { createLivenessReader } from './liveness.ts';
import { claims, readRecord, writeClaim, writeRecord } from './record.ts';

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

test('a record of an unknown kind is a damaged one', async ({ expect }) => {
  const folder = await folderOf();
  const record = { version: 1, process, unenforced: ['Verdict: forgeable'] };
  await writeFile(join(folder, 'machine.json'), JSON.stringify(record));
  expect(await readRecord(folder)).toBe('damaged');
});

test('a machine whose files cannot be read is neither gone nor unfinished nor known as ours', async ({
  expect,
}) => {
  const sandboxes = await folderOf();
  for (const id of ['sb_fine', 'sb_odd', 'sb_other', 'sb_torn']) {
    await mkdir(join(sandboxes, id));
    await writeClaim(join(sandboxes, id), id === 'sb_other' ? 'other' : 'ours', id);
  }
  for (const file of ['claim.json', 'machine.json']) {
    await rm(join(sandboxes, 'sb_odd', file), { force: true });
    await symlink(file, join(sandboxes, 'sb_odd', file));
  }
  await writeFile(join(sandboxes, 'sb_torn', 'claim.json'), '{');
  const found = await claims(sandboxes, 'ours');
  expect(found).toEqual([
    { id: 'sb_fine' },
    { id: 'sb_odd', problem: expect.stringContaining('ELOOP') },
    { id: 'sb_torn' },
  ]);
  await expect(readRecord(join(sandboxes, 'sb_odd'))).rejects.toThrow(/ELOOP/);
  const folder = (id: string): string => join(sandboxes, id);
  const liveness = createLivenessReader({
    ...{ installation: 'ours', folderOf: folder },
    ...{ containerId: String, cgroups: undefined },
  });
  expect(await liveness.inspect('sb_odd')).toEqual({
    state: 'unknown',
    reason: expect.stringMatching(/ELOOP/),
  });
  expect(await liveness.inspect('sb_other')).toEqual({ state: 'absent' });
});

test('without a descriptor left nothing counts as absent, ended or empty', async ({ expect }) => {
  const folder = await folderOf();
  await writeClaim(folder, 'ours', 'sb_one');
  await writeRecord(folder, { version: 1, process, unenforced: [] });
  const at = (path: string): string => new URL(path, import.meta.url).href;
  const program = `
    import { openSync } from 'node:fs';
    import { isAlive, markOf, processesNaming } from '${at('../../linux/processes.ts')}';
    import { allMembersOf } from '${at('./cgroups/group.ts')}';
    import { claims, readRecord } from '${at('./record.ts')}';
    const [folder] = process.argv.slice(1);
    const own = await markOf(process.pid);
    let isFull = false;
    try { for (;;) openSync('/dev/null') } catch { isFull = true }
    const tried = await Promise.allSettled([
      readRecord(folder), claims(folder + '/..', 'ours'), isAlive(own), processesNaming('nobody'), allMembersOf(folder),
    ]);
    if (isFull) console.log(tried.map(({ reason, value }) => reason?.code ?? JSON.stringify(value)).join(' '));`;
  const few = [
    '-c',
    'ulimit -n 64; exec "$@"',
    'few',
    execPath,
    '--input-type=module',
    '-e',
    program,
    folder,
  ];
  const { stdout } = await promisify(execFile)('/bin/sh', few);
  expect(stdout.trim()).toBe('EMFILE EMFILE EMFILE EMFILE EMFILE');
});
