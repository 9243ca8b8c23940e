/** The same suite as an ordinary user, whom this test makes and removes. Everything else in this folder runs as root. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { realGuest } from '../../../testing/driver-host.ts';

const TIMEOUT_MS = 180_000;

const run = async (argv: readonly string[], cwd = '/'): Promise<{ code: number; output: string }> => {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const [code] = await once(child, 'close');
  return { code: Number(code), output };
};

/** What `useradd` gives a range of ids to, and what it does not. */
const WITH_RANGE: readonly string[] = [];
const WITH_ONE_ID = ['-K', 'SUB_UID_COUNT=0', '-K', 'SUB_GID_COUNT=0'];

const ordinaryUser = async (
  options: readonly string[],
): Promise<AsyncDisposable & { readonly name: string; readonly home: string }> => {
  const name = `berth-t${randomBytes(4).toString('hex')}`;
  const home = await mkdtemp(join(tmpdir(), 'berth-rootless-'));
  const place = ['--home-dir', home, '--no-create-home', '--shell', '/bin/sh'];
  const made = await run(['useradd', ...place, ...options, name]);
  expect(made.code, made.output).toBe(0);
  await run(['chown', name, home]);
  await chmod(home, 0o700);
  return {
    name,
    home,
    [Symbol.asyncDispose]: async () => {
      const left = await run(['pgrep', '--uid', name]);
      await rm(home, { recursive: true, force: true });
      const removed = await run(['userdel', name]);
      expect(removed.code, `${removed.output} ${left.output}`).toBe(0);
    },
  };
};

/** In a mount namespace that ends with it, since an ordinary user may not be able to walk to where this checkout is. */
const AS_USER = `
mount --bind -- "$1" /mnt
cd "$2"
exec setpriv --reuid "$3" --regid "$3" --init-groups --reset-env \
  /mnt/node_modules/.bin/node /mnt/node_modules/vitest/vitest.mjs run --root /mnt --configLoader native --no-cache --reporter=verbose \
  --testNamePattern "$4" $5`;

/** `files`: of this folder, separated by blanks. */
const asOrdinaryUser = async (files: string, tests: string, options = WITH_RANGE): Promise<string> => {
  expect(process.getuid?.(), 'only root can make a user to try it as').toBe(0);
  await realGuest();
  await using user = await ordinaryUser(options);
  const checkout = new URL('../../../../../', import.meta.url).pathname;
  const launch = ['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-ec', AS_USER, 'suite'];
  const paths = files.replaceAll(/\S+/g, 'packages/plugins/test/drivers/oci/$&');
  const { code, output } = await run([...launch, checkout, user.home, user.name, tests, paths]);
  expect(code, output).toBe(0);
  return output;
};

it('the suite holds for an ordinary user, too', { timeout: TIMEOUT_MS }, async () => {
  expect(await asOrdinaryUser('oci.test.ts', '')).toMatch(/because it has snapshots/);
});

it('an ordinary user starts sandboxes from images, and their disks are measured, too', {
  timeout: TIMEOUT_MS,
}, async () => {
  const tests = 'starts from|paths lead|hard links|is shared|files without a name';
  const output = await asOrdinaryUser('images.test.ts nameless.test.ts', tests);
  expect(output).toMatch(/paths lead through links/);
  expect(output).toMatch(/is shared while a sandbox uses it/);
});

it.each([
  ['a range of ids', WITH_RANGE],
  ['one id', WITH_ONE_ID],
])('the walls stand for an ordinary user with %s, too', { timeout: TIMEOUT_MS }, async (_what, options) => {
  const output = await asOrdinaryUser('isolation.test.ts', '', options);
  expect(output).toMatch(/another user than the guest, or/);
  expect(output).toMatch(/its disk is measured whole, or/);
});

it('with one id layers and images are made and used', { timeout: TIMEOUT_MS }, async () => {
  const tests = 'a layer over a layer|paths lead';
  const output = await asOrdinaryUser('oci.test.ts images.test.ts', tests, WITH_ONE_ID);
  expect(output).toMatch(/paths lead through links/);
  expect(output).toMatch(/a layer over a layer/);
});
