/** The program `berth` against the real server, from a checkout without a server to one without a server. */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { git, makeRepository } from '../system/repository.ts';
import { steps } from '../system/tasks.ts';

const BERTH = fileURLToPath(new URL('../../../cli/bin/berth.js', import.meta.url));

let folder = '';
let checkout = '';
let env: NodeJS.ProcessEnv = {};

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'berth-cli-'));
  // Sandboxes run as separate users, who need to traverse this folder.
  chmodSync(folder, 0o711);
  checkout = makeRepository(folder, 'shop', {
    'a.txt': 'a\n',
    Makefile: 'test:\n\ttest -s a.txt\n',
  });
  const { BERTH_ADDRESS: _a, BERTH_TOKEN: _t, OPENAI_API_KEY: _k, ...rest } = process.env;
  env = { ...rest, BERTH_HOME: join(folder, 'home'), BERTH_PORT: '0', BERTH_AGENT: 'scripted' };
});
afterAll(async () => {
  // A test that failed may have left it stopped, and its sandboxes would outlive it.
  await berth('up', '--detach');
  await berth('down', '--remove-sandboxes');
  rmSync(folder, { recursive: true, force: true });
}, 120_000);

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

const berth = (...args: readonly string[]): Promise<Ran> => berthWith('', ...args);

const berthWith = (input: string, ...args: readonly string[]): Promise<Ran> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [BERTH, ...args], { cwd: checkout, env, stdio: 'pipe' });
    let [out, err] = ['', ''];
    child.stdout.on('data', (bytes: Buffer) => {
      out += bytes.toString();
    });
    child.stderr.on('data', (bytes: Buffer) => {
      err += bytes.toString();
    });
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, out, err }));
    child.stdin.end(input);
  });

type Json = Readonly<Record<string, unknown>>;

/** One JSON value a line. */
const json = (text: string): readonly Json[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Json);

const one = async (...args: readonly string[]): Promise<Json> => {
  const ran = await berth(...args, '--json');
  expect(ran, args.join(' ')).toMatchObject({ code: 0 });
  return json(ran.out)[0] ?? {};
};

test('run starts the server, lands the work and leaves it ready to merge', async () => {
  const prompt = steps({ say: 'I write b.' }, { write: { path: 'b.txt', content: 'b\n' } });
  const ran = await berth('run', prompt, '--repo', '.');
  expect(ran, ran.err).toMatchObject({ code: 0 });
  expect(ran.out).toContain('starting the server');
  expect(ran.out).toContain('I write b.');
  expect(ran.out).toContain('ready: git merge --ff-only berth/main');
  expect(git(checkout, 'status', '--porcelain')).toBe('');
  git(checkout, 'merge', '--quiet', '--ff-only', 'berth/main');
  expect(readFileSync(join(checkout, 'b.txt'), 'utf8')).toBe('b\n');
}, 120_000);

test('run with --json tells events, and at the end what landed', async () => {
  const prompt = steps({ write: { path: 'c.txt', content: 'c\n' } });
  const ran = await berth('run', prompt, '--json');
  expect(ran, ran.err).toMatchObject({ code: 0 });
  const lines = json(ran.out);
  expect(lines.filter(({ type }) => type === 'task.completed')).toHaveLength(1);
  expect(lines.at(-1)).toMatchObject({
    landed: { branch: 'main', commit: git(checkout, 'rev-parse', 'berth/main') },
  });
}, 120_000);

test('a failure is told with its code, its hint and the exit code of its kind', async () => {
  const failed = await berth('run', steps({ fail: 'no luck' }));
  expect(failed.code).toBe(5);
  expect(failed.err).toContain('no luck');
  const missing = await berth('task', 'show', `tk_${'0'.repeat(20)}`, '--json');
  expect(missing.code).toBe(4);
  expect(json(missing.err)[0]).toMatchObject({ error: { code: 'record.missing' } });
  const invalid = await berth('task', 'create', 'x');
  expect(invalid.code).toBe(2);
  expect((await berth('no-such-command')).code).toBe(2);
}, 120_000);

test('a change that weakens its gate is told by file with what to do, and waits when its watcher leaves', async () => {
  const prompt = steps({ run: "sed -i 's/test -s/true/' Makefile" });
  const { out, err, code } = await berth('run', prompt);
  expect(code).toBe(5);
  const [, id = ''] = /task (tk_\w+)/.exec(out) ?? [];
  const [, change = ''] = /berth change approve (ch_\w+)/.exec(out) ?? [];
  const told = [
    '! configuration changed: Makefile in shop',
    '? the change passes, but it weakens its gate: it awaits approval',
    `  review   berth change diff ${change}`,
    `  approve  berth change approve ${change}`,
    `  reject   berth change reject ${change} --reason "…"`,
  ].join('\n');
  expect(out).toContain(told.slice(0, told.indexOf('\n')));
  expect(out).toContain(told.slice(told.indexOf('\n') + 1));
  expect(err).toContain(`error: The change ${change} weakens its gate and awaits approval`);
  expect(err).toContain(`berth task logs ${id} --follow`);
  const shown = await berth('task', 'show', id);
  expect(shown.out).toContain('waiting');
  expect(shown.err).toBe(`${told}\n`);
  const diff = await berth('change', 'diff', change);
  expect(diff.out).toContain('-\ttest -s a.txt');
  expect(diff.err).toBe(`${told}\n`);
  expect((await berth('change', 'show', change, '--json')).err).toBe('');
  expect((await one('change', 'show', change)).weakened).toMatchObject([{ subject: 'Makefile' }]);
  await one('change', 'reject', change, '--reason', 'keep it');
  await berth('task', 'logs', id, '--follow');
  expect(await one('task', 'show', id)).toMatchObject({ state: 'failed', error: { code: 'change.refused' } });
  expect((await berth('task', 'show', id)).err).toBe('');
}, 120_000);

test('a workspace is added, shown, kept while it is used, and removed', async () => {
  const source = makeRepository(folder, 'other', { 'x.txt': 'x\n' });
  const added = await one('workspace', 'add', source, '--name', 'other');
  expect(added).toMatchObject({ name: 'other', repositories: [{ name: 'other', source, branch: 'main' }] });
  expect(await one('workspace', 'show', 'other')).toMatchObject({ id: added.id });
  const listed = json((await berth('workspace', 'list', '--json')).out);
  expect(listed.map(({ name }) => name)).toEqual(expect.arrayContaining(['shop', 'other']));
  const sandbox = await one('sandbox', 'create', '--workspace', 'other');
  const refused = await berth('workspace', 'remove', 'other', '--json');
  expect(refused.code).toBe(5);
  expect(json(refused.err)[0]).toMatchObject({ error: { code: 'workspace.in_use' } });
  await one('sandbox', 'remove', String(sandbox.id));
  for (;;) {
    const { state } = await one('sandbox', 'show', String(sandbox.id));
    if (state === 'destroyed') break;
  }
  await one('workspace', 'remove', 'other');
  expect((await berth('workspace', 'show', 'other')).code).toBe(4);
}, 120_000);

test('a command in a sandbox gets its words and its input, and gives its output and exit code', async () => {
  const { id } = await one('sandbox', 'create');
  const exec = (...args: readonly string[]) => berth('sandbox', 'exec', String(id), '--', ...args);
  expect(await exec('sh', '-c', 'echo out; echo err >&2; exit 23')).toEqual({
    code: 23,
    out: 'out\n',
    err: 'err\n',
  });
  expect((await exec('printf', '%s|', 'a b', '$HOME')).out).toBe('a b|$HOME|');
  const piped = await berthWith('one\ntwo\n', 'sandbox', 'exec', String(id), '--stdin', '--', 'wc', '-l');
  expect(piped).toMatchObject({ code: 0, out: expect.stringMatching(/^\s*2\n$/) });
  const late = await berth('sandbox', 'exec', String(id), '--timeout', '0.3', '--', 'sleep', '60');
  expect(late.code).toBe(124);
  const detached = (
    await berth('sandbox', 'exec', String(id), '--detach', '--', 'sh', '-c', 'echo later; exit 5')
  ).out.trim();
  expect(await berth('sandbox', 'logs', String(id), detached)).toMatchObject({ code: 5, out: 'later\n' });
}, 120_000);

test('the conversation, the events and the state of the installation are read as JSON', async () => {
  const tasks = json((await berth('task', 'list', '--json')).out);
  const done = tasks.find(({ state, prompt }) => state === 'completed' && String(prompt).includes('b.txt'));
  const logs = await berth('task', 'logs', String(done?.id), '--json');
  expect(logs.out).toContain('I write b.');
  expect(json(logs.out).at(-1)).toMatchObject({ state: 'green', evidence: [{ exitCode: 0 }] });
  expect((await berth('change', 'list', '--json')).code).toBe(0);
  const changeId = String(json((await berth('change', 'list', '--json')).out)[0]?.id);
  expect((await berth('change', 'diff', changeId)).out).toMatch(/^diff --git/);
  const status = await one('status');
  expect(status).toMatchObject({ health: { status: 'ok', defaultDriver: 'oci' } });
  expect(String((status.health as Json).address)).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  const doctor = await berth('doctor', '--json');
  // Without a key for a model something that is needed is missing.
  expect(doctor.code).toBe(6);
  expect(json(doctor.out)).toContainEqual(expect.objectContaining({ name: 'git', ok: true }));
  expect(json(doctor.out)).toContainEqual(expect.objectContaining({ name: 'models', ok: false }));

  const { lastSeq } = status.stats as { lastSeq: number };
  const child = spawn(process.execPath, [BERTH, 'events', '--after', '0', '--json'], { cwd: checkout, env });
  const seen: number[] = [];
  let rest = '';
  for await (const bytes of child.stdout) {
    const lines = (rest + String(bytes)).split('\n');
    rest = lines.pop() ?? '';
    seen.push(...lines.map((line) => Number(JSON.parse(line).seq)));
    if (seen.length >= lastSeq) child.kill('SIGINT');
  }
  expect(seen.slice(0, lastSeq)).toEqual(Array.from({ length: lastSeq }, (_, index) => index + 1));
}, 120_000);

test('the server is stopped, and then there is none', async () => {
  const lock = join(env.BERTH_HOME ?? '', 'lock');
  expect(existsSync(lock)).toBe(true);
  expect(await one('down')).toMatchObject({ state: 'stopped' });
  expect(existsSync(lock)).toBe(false);
  const gone = await berth('status', '--json');
  expect(gone.code).toBe(6);
  expect(json(gone.err)[0]).toMatchObject({ error: { code: 'server.unreachable' } });
  expect((await berth('up', '--detach', '--json')).code).toBe(0);
  expect(json((await berth('workspace', 'list', '--json')).out).map(({ name }) => name)).toEqual(['shop']);
}, 120_000);
