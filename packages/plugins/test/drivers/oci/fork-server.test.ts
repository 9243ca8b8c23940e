import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import {
  createForkServer,
  type ForkServer,
  type Surroundings,
} from '../../../src/drivers/oci/runtime/fork-server.ts';
import { gone, markOf } from '../../../src/linux/processes.ts';
import { SYSTEM_PATH } from '../../../src/linux/system-program.ts';

const plain: Surroundings = {
  surround: [],
  prepare: 'ended=$1\nafter() { echo "$1" >>"$ended"; }\n',
  args: [],
  path: SYSTEM_PATH,
};

let folder = '';
let log = '';
let server: ForkServer;
let warned: string[] = [];
const warn = (_level: string, message: string, data: unknown): void =>
  void warned.push(`${message}: ${JSON.stringify(data)}`);
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'berth-fork-'));
  log = join(folder, 'log');
  warned = [];
  server = createForkServer({ ...plain, args: [join(folder, 'ended')] }, warn);
});
afterEach(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

const run = (argv: readonly string[], signal = AbortSignal.timeout(20_000)): Promise<number> =>
  server.run({ argv, log }, signal);
const said = (): Promise<string> => readFile(log, 'utf8');
/** The process that stays: the parent of the one that waits for the program. */
const shellPid = async (): Promise<number> => {
  await run(['/bin/sh', '-c', 'cut -d" " -f4 "/proc/$PPID/stat"']);
  return Number((await said()).trim().split('\n').at(-1));
};

it('says how a program ended, with what it said in the log', async () => {
  expect(await run(['/bin/sh', '-c', 'echo out; echo err >&2'])).toBe(0);
  expect(await run(['/bin/sh', '-c', 'echo more; exit 7'])).toBe(7);
  expect(await run(['/bin/sh', '-c', 'kill -9 $$'])).toBe(137);
  expect(await run(['/no/such/program'])).toBe(127);
  expect(await run(['cat'])).toBe(0);
  expect(await said()).toMatch(/^out\nerr\nmore\n[\s\S]*\/no\/such\/program/);
});

it('takes words as they are, and none that it cannot hand on', async () => {
  const odd = ['$(touch x)', '*', '`id`', '"', "'", '\\', 'a b\tc', '-n', '$HOME', '; exit 3'];
  expect(await run(['printf', '%s\\n', ...odd])).toBe(0);
  expect(await said()).toBe(`${odd.join('\n')}\n`);
  await expect(run(['echo', 'two\nlines'])).rejects.toThrow(/"two\\nlines" cannot be passed/);
  await expect(run(['echo', ''])).rejects.toThrow(/cannot be passed/);
});

it('runs many at once, and every one is answered for itself', async () => {
  const codes = Array.from({ length: 60 }, (_, index) => index + 1);
  expect(await Promise.all(codes.map((code) => run(['/bin/sh', '-c', `exit ${code}`])))).toEqual(codes);
});

it('collects what has ended', async () => {
  const shell = await shellPid();
  await Promise.all(Array.from({ length: 20 }, () => run(['true'])));
  await expect
    .poll(async () => {
      await run(['true']);
      return (await readFile(`/proc/${shell}/task/${shell}/children`, 'utf8')).trim().split(' ').length;
    })
    .toBeLessThan(5);
});

it('gives a call up when its signal says so', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  const waiting = run(['sleep', '0.2'], controller.signal);
  controller.abort(reason);
  await expect(waiting).rejects.toBe(reason);
  await expect(run(['true'], controller.signal)).rejects.toBe(reason);
  expect(await run(['true'])).toBe(0);
});

it('answers for what it started before it was killed, and begins the rest in the next one', async () => {
  const shell = await shellPid();
  const started = run(['/bin/sh', '-c', `touch '${folder}/started'; sleep 0.2; exit 5`]);
  await expect.poll(() => readdir(folder)).toContain('started');
  process.kill(shell, 'SIGSTOP');
  const rest = run(['/bin/sh', '-c', 'echo once; exit 6']);
  process.kill(shell, 'SIGKILL');
  expect(await rest).toBe(6);
  expect(await started).toBe(5);
  expect((await said()).match(/once/g)).toHaveLength(1);
  expect(warned).toEqual([expect.stringContaining('was killed by SIGKILL')]);
  expect(await shellPid()).not.toBe(shell);
});

it('is replaced when it is frozen, also when who noticed has given up', async () => {
  const shell = await markOf(await shellPid());
  const hasEnded = `until [ -e '${folder}/end' ]; do sleep 0.05; done; exit 5`;
  const started = run(['/bin/sh', '-c', `touch '${folder}/started'; ${hasEnded}`]);
  await expect.poll(() => readdir(folder)).toContain('started');
  process.kill(shell?.pid ?? 0, 'SIGSTOP');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const given = new AbortController();
  const givenUp = expect(run(['true'], given.signal)).rejects.toThrow('enough');
  given.abort(new Error('enough'));
  await givenUp;
  const rest = run(['/bin/sh', '-c', 'echo once; exit 6']);
  vi.advanceTimersByTime(5000);
  expect(await rest).toBe(6);
  vi.useRealTimers();
  expect((await said()).match(/once/g)).toHaveLength(1);
  expect(await gone([shell ?? expect.fail()])).toBe(true);
  expect(warned).toEqual([expect.stringContaining('did not start a program within')]);
  await writeFile(join(folder, 'end'), '');
  expect(await started).toBe(5);
});

it('is ended when it is frozen and closed', async () => {
  const shell = await markOf(await shellPid());
  process.kill(shell?.pid ?? 0, 'SIGSTOP');
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const closed = server.close();
  vi.advanceTimersByTime(10_000);
  vi.useRealTimers();
  await closed;
  expect(await gone([shell ?? expect.fail()])).toBe(true);
});

it('says why its surroundings cannot be had', async () => {
  await using forbidden = closing(
    createForkServer({ ...plain, prepare: 'echo it is forbidden >&2; exit 4\n' }, warn),
  );
  const call = { argv: ['true'], log };
  await expect(forbidden.server.run(call, AbortSignal.timeout(20_000))).rejects.toThrow(
    /exited with 4: it is forbidden/,
  );
  await using none = closing(createForkServer({ ...plain, surround: ['/no/such/surroundings'] }, warn));
  await expect(none.server.run(call, AbortSignal.timeout(20_000))).rejects.toThrow(/ENOENT/);
});

it('ends what it started with, and itself, when it is closed', async () => {
  const mark = await markOf(await shellPid());
  const waiting = run(['sleep', '0.1']);
  await server.close();
  expect(await waiting).toBe(0);
  expect(await gone([mark ?? expect.fail()])).toBe(true);
  expect((await readFile(join(folder, 'ended'), 'utf8')).trim().split('\n').at(-1)).toBe('sleep');
});

it('does not outlive whom it works for', async () => {
  const script = `
    import { createForkServer } from ${JSON.stringify(new URL('../../../src/drivers/oci/runtime/fork-server.ts', import.meta.url).href)};
    const server = createForkServer(${JSON.stringify({ ...plain, args: [join(folder, 'ended')] })}, console.error);
    await server.run(${JSON.stringify({ argv: ['true'], log })}, AbortSignal.timeout(20_000));
    console.log('ready');
    setInterval(() => undefined, 1000);`;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(owner.stdout, 'data');
  const children = (await readFile(`/proc/${owner.pid}/task/${owner.pid}/children`, 'utf8'))
    .trim()
    .split(' ');
  const marks = (await Promise.all(children.map((pid) => markOf(Number(pid))))).filter(
    (mark) => mark !== undefined,
  );
  expect(marks).toHaveLength(1);
  owner.kill('SIGKILL');
  expect(await gone(marks)).toBe(true);
  expect(await readdir(folder)).toContain('log');
});

const closing = (one: ForkServer) => ({ server: one, [Symbol.asyncDispose]: () => one.close() });
