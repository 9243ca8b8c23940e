import { existsSync, readFileSync } from 'node:fs';
import type { ExecChunk, ExecCursor, Process } from '@berth/plugin-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestInProcess, until } from './fixture.ts';

let guest: Awaited<ReturnType<typeof guestInProcess>>;
beforeAll(async () => {
  guest = await guestInProcess();
});
afterAll(() => guest[Symbol.asyncDispose]());

const collect = async (process: Process, from?: ExecCursor) => {
  const out = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[], lagged: [] as number[] };
  for await (const chunk of process.output(from)) {
    if (chunk.kind === 'output') out[chunk.stream].push(chunk.bytes);
    else if (chunk.kind === 'lagged') out.lagged.push(chunk.cursor);
    else
      return {
        stdout: Buffer.concat(out.stdout),
        stderr: Buffer.concat(out.stderr),
        lagged: out.lagged,
        exit: chunk.exit,
      };
  }
  throw new Error('no exit');
};

describe('commands', () => {
  it('answer with both streams, the exit code and the environment', async () => {
    const result = await guest.client().run({
      id: 'both',
      argv: ['sh', '-c', 'echo "$X $HOME"; echo bad >&2; pwd; cat; exit 3'],
      env: { X: 'y' },
      stdin: 'typed',
    });
    expect(result).toMatchObject({ exitCode: 3, stderr: 'bad\n', truncated: false, timedOut: false });
    expect(result.stdout).toBe(`y ${guest.home}\n${guest.root}\ntyped`);
  });

  it('start once per id, however often asked', async () => {
    const argv = ['sh', '-c', 'echo x >> once; echo $$'] as const;
    const sandbox = guest.client();
    const results = await Promise.all([1, 2, 3].map(() => sandbox.run({ id: 'once', argv })));
    expect(new Set(results.map((r) => r.stdout)).size).toBe(1);
    expect(readFileSync(`${guest.root}/once`, 'utf8')).toBe('x\n');
  });

  it('say why they cannot start, and may be tried again', async () => {
    const sandbox = guest.client();
    const start = (argv: readonly [string, ...string[]], cwd?: string) =>
      sandbox.run({ id: 'unstartable', argv, cwd });
    await expect(start(['no-such-program'])).rejects.toMatchObject({ code: 'exec.not_startable' });
    await expect(start(['/etc/passwd'])).rejects.toThrow(/EACCES/);
    await expect(start(['true'], '/no/such/folder')).rejects.toThrow(/folder .* does not exist/);
    await expect(start(['true\0'])).rejects.toMatchObject({ code: 'exec.not_startable' });
    expect((await start(['true'])).exitCode).toBe(0);
  });

  it('are unknown until started', async () => {
    const sandbox = guest.client();
    expect(await sandbox.attach('never')).toBeUndefined();
    await sandbox.run({ id: 'ever/with strange:id', argv: ['echo', 'a'] });
    const process = await sandbox.attach('ever/with strange:id');
    expect((await collect(process as Process)).stdout.toString()).toBe('a\n');
  });

  it('keep every byte of 10 MB for several readers, from any cursor', async () => {
    const script = `const b=Buffer.alloc(1e7);for(let i=0;i<b.length;i++)b[i]=(i*2654435761)>>>13;process.stdout.write(b)`;
    const process = await guest.client().start({
      id: 'big',
      argv: [globalThis.process.execPath, '-e', script],
      keep: 'all',
    });
    const expected = Buffer.alloc(1e7);
    for (let i = 0; i < expected.length; i++) expected[i] = (i * 2654435761) >>> 13;
    const [first, second] = await Promise.all([collect(process), collect(process)]);
    expect(first.stdout.equals(expected)).toBe(true);
    expect(second.stdout.equals(expected)).toBe(true);
    const late = await collect(process, { stdout: 9_999_990, stderr: 0 });
    expect(late.stdout.equals(expected.subarray(9_999_990))).toBe(true);
  });

  it('drop old output of a tail log and say so', async () => {
    const sandbox = guest.client();
    const process = await sandbox.start({ id: 'tail', argv: ['head', '-c', '20000000', '/dev/zero'] });
    await until(async () => {
      const { exit } = await collect(process, { stdout: 20_000_000, stderr: 0 });
      expect(exit.exitCode).toBe(0);
    });
    const { stdout, lagged } = await collect(process);
    expect(lagged).toHaveLength(1);
    expect(stdout.length + (lagged[0] ?? 0)).toBe(20_000_000);
    expect(stdout.length).toBeGreaterThanOrEqual(4 * 2 ** 20);
  });

  it('collect the newest output up to a cap', async () => {
    const result = await guest.client().run({
      id: 'cap',
      argv: ['sh', '-c', 'head -c 500000 /dev/zero; printf end'],
      maxOutputBytes: 1000,
    });
    expect(result.truncated).toBe(true);
    expect(result.stdout).toHaveLength(1000);
    expect(result.stdout.endsWith('end')).toBe(true);
  });

  it('take input by offset and ignore what they have', async () => {
    const process = await guest.client().start({ id: 'input', argv: ['cat'] });
    await process.write(0, Buffer.from('abc'));
    await process.write(0, Buffer.from('abcdef'));
    await process.write(3, Buffer.from('def'));
    await expect(process.write(9, Buffer.from('x'))).rejects.toMatchObject({ code: 'request.invalid' });
    await process.closeInput();
    expect((await collect(process)).stdout.toString()).toBe('abcdef');
  });

  it('are ended when their time is over, also when they ignore TERM', async () => {
    const sandbox = guest.client();
    const obedient = sandbox.run({ id: 't1', argv: ['sleep', '60'], timeoutMs: 200 });
    const deaf = sandbox.run({
      id: 't2',
      argv: ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'],
      timeoutMs: 200,
    });
    expect(await obedient).toMatchObject({ timedOut: true, exitCode: null, signal: 'SIGTERM' });
    expect(await deaf).toMatchObject({ timedOut: true, signal: 'SIGKILL' });
  });

  it('end with every descendant, whatever session it moved to', async () => {
    const sandbox = guest.client();
    const script = 'setsid sh -c "setsid sleep 987 & echo \\$! > daemon; sleep 986" & sleep 985 & wait';
    const process = await sandbox.start({ id: 'tree', argv: ['sh', '-c', script] });
    const daemon = await until(() => {
      const pid = Number(readFileSync(`${guest.root}/daemon`, 'utf8'));
      expect(pid).toBeGreaterThan(0);
      return pid;
    });
    await process.signal('SIGKILL');
    expect((await collect(process)).exit.signal).toBe('SIGKILL');
    await until(() => {
      const state = existsSync(`/proc/${daemon}/stat`)
        ? (readFileSync(`/proc/${daemon}/stat`, 'utf8').split(' ')[2] ?? 'Z')
        : 'Z';
      expect(state).toBe('Z');
    });
    await process.signal('SIGTERM');
  });

  it('do not wait for a daemon that keeps their pipes', async () => {
    const sandbox = guest.client();
    const result = await sandbox.run({ id: 'daemon', argv: ['sh', '-c', 'sleep 30 & echo up'] });
    expect(result).toMatchObject({ exitCode: 0, stdout: 'up\n' });
    expect(result.durationMs).toBeLessThan(20_000);
    await (await sandbox.attach('daemon'))?.signal('SIGKILL');
  });

  it('wait with output that nobody reads, and lose nothing of it', async () => {
    const process = await guest.client().start({
      id: 'full',
      argv: ['sh', '-c', 'head -c 70000000 /dev/zero; echo done >> full-done'],
      keep: 'all',
    });
    // Time enough for the guest to take more than it keeps, if it would.
    const late = { stdout: 64 * 2 ** 20 - 1, stderr: 0 };
    for await (const chunk of process.output(late)) if (chunk.kind === 'output') break;
    for (let turn = 0; turn < 20; turn++) await guest.client().health();
    expect(existsSync(`${guest.root}/full-done`)).toBe(false);
    const { stdout, lagged, exit } = await collect(process);
    expect({ size: stdout.length, lagged, exitCode: exit.exitCode }).toEqual({
      size: 70_000_000,
      lagged: [],
      exitCode: 0,
    });
  });

  it('go on for as long as somebody reads along, and tell who comes later what is missing', async () => {
    const process = await guest.client().start({
      id: 'talks',
      argv: ['head', '-c', '100000000', '/dev/zero'],
      keep: 'all',
    });
    let size = 0;
    for await (const chunk of process.output()) {
      expect(chunk.kind).not.toBe('lagged');
      if (chunk.kind === 'output') size += chunk.bytes.length;
      if (chunk.kind === 'exit') expect(chunk.exit.exitCode).toBe(0);
    }
    expect(size).toBe(100_000_000);
    const late = await collect(process);
    expect(late.lagged).toHaveLength(1);
    expect(late.stdout.length + (late.lagged[0] ?? 0)).toBe(100_000_000);
  });

  it('are killed when the caller gives up', async () => {
    const stop = new AbortController();
    const sandbox = guest.client();
    const run = sandbox.run({ id: 'given-up', argv: ['sh', '-c', 'echo $$ > pid; sleep 60'] }, stop.signal);
    const caught = expect(run).rejects.toMatchObject({ code: 'work.cancelled' });
    await until(() => expect(Number(readFileSync(`${guest.root}/pid`, 'utf8'))).toBeGreaterThan(0));
    stop.abort();
    await caught;
    const { exit } = await collect((await sandbox.attach('given-up')) as Process);
    expect(exit.signal).toBe('SIGKILL');
  });
});

describe('a broken connection', () => {
  it('is renewed, and output goes on at its cursor', async () => {
    const sandbox = guest.client();
    const process = await sandbox.start({
      id: 'broken',
      argv: ['sh', '-c', 'i=0; while [ $i -lt 300 ]; do echo line $i; i=$((i+1)); sleep 0.005; done'],
    });
    let text = '';
    let cuts = 0;
    for await (const chunk of process.output() as AsyncIterable<ExecChunk>) {
      if (chunk.kind !== 'output') continue;
      text += Buffer.from(chunk.bytes).toString();
      if (text.length > (cuts + 1) * 600 && cuts < 3) {
        cuts += 1;
        for (const socket of guest.connections.splice(0)) socket.destroy();
      }
    }
    expect(cuts).toBe(3);
    expect(text).toBe(Array.from({ length: 300 }, (_, i) => `line ${i}\n`).join(''));
  });
});
