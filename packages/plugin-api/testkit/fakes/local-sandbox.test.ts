import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLocalSandbox, type LocalSandbox } from './local-sandbox.ts';

describe('the local sandbox', () => {
  let folder: string;
  let sandbox: LocalSandbox;
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'berth-local-'));
    sandbox = await createLocalSandbox({ folder });
  });
  afterEach(async () => {
    await sandbox.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('starts one process per id, whose whole output every reader can read', async () => {
    const spec = { id: 'ex_1', argv: ['sh', '-c', 'echo ran >> count; cat; echo end >&2'] as const };
    const process = await sandbox.start({ ...spec, argv: [...spec.argv] });
    const again = await sandbox.start({ ...spec, argv: [...spec.argv] });
    await process.write(0, Buffer.from('one two'));
    await again.write(4, Buffer.from('two three'));
    await again.closeInput();
    for (const reader of [process, again]) {
      let stdout = '';
      for await (const chunk of reader.output({ stdout: 4, stderr: 0 }))
        if (chunk.kind === 'output' && chunk.stream === 'stdout')
          stdout += Buffer.from(chunk.bytes).toString();
        else if (chunk.kind === 'exit') expect(chunk.exit.exitCode).toBe(0);
      expect(stdout).toBe('two three');
    }
    expect(Buffer.from(await sandbox.files.read('count')).toString()).toBe('ran\n');
    await expect(process.write(99, Buffer.from('x'))).rejects.toMatchObject({ code: 'request.invalid' });
  });

  it('runs in a clean environment, and ends what takes too long with all its children', async () => {
    const env = await sandbox.run({ id: 'ex_env', argv: ['env'] });
    expect(env.stdout.split('\n').map((line) => line.split('=')[0])).not.toContain('npm_config_cache');
    expect(env.stdout).toContain(`HOME=${sandbox.home}`);
    const late = await sandbox.run({ id: 'ex_late', argv: ['sh', '-c', 'sleep 60 & wait'], timeoutMs: 200 });
    expect(late).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGKILL' });
    await expect(sandbox.run({ id: 'ex_no', argv: ['no-such-program'] })).rejects.toMatchObject({
      code: 'exec.not_startable',
    });
  });

  it('tells every reader of a process whose time is over and that cannot be ended', async () => {
    const [kill, groups] = [process.kill.bind(process), [] as number[]];
    const spy = vi.spyOn(process, 'kill').mockImplementation((group) => {
      groups.push(group);
      throw Object.assign(new Error('kill EPERM'), { code: 'EPERM' });
    });
    const late = sandbox.run({ id: 'ex_foreign', argv: ['sleep', '60'], timeoutMs: 50 });
    await expect(late).rejects.toMatchObject({ code: 'EPERM' });
    spy.mockRestore();
    for (const group of groups) kill(group, 'SIGKILL');
  });

  it('reads, writes, lists and removes files', async () => {
    const { files } = sandbox;
    await files.write('a/b.txt', Buffer.from('text'), 0o640);
    expect(await files.stat('a/b.txt')).toMatchObject({
      name: 'b.txt',
      kind: 'file',
      sizeBytes: 4,
      mode: 0o640,
    });
    await files.rename('a/b.txt', 'a/c.txt');
    expect((await files.list('a')).map((entry) => entry.name)).toEqual(['c.txt']);
    await expect(files.read('a/c.txt', 3)).rejects.toMatchObject({ code: 'file.refused' });
    await files.remove('a');
    await files.remove('a');
    await expect(files.stat('a')).rejects.toMatchObject({ code: 'file.missing' });
  });
});
