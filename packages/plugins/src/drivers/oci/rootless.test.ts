/** The same suite as an ordinary user, whom this test makes and removes. Everything else in this folder runs as root. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { realGuest } from '../../testing/driver-host.ts';

const TIMEOUT_MS = 180_000;

const run = async (argv: readonly string[], cwd = '/'): Promise<{ code: number; output: string }> => {
  const [program = '', ...args] = argv;
  const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
  const [code] = await once(child, 'close');
  return { code: Number(code), output };
};

const ordinaryUser = async (): Promise<
  AsyncDisposable & { readonly name: string; readonly home: string }
> => {
  const name = `berth-t${randomBytes(4).toString('hex')}`;
  const home = await mkdtemp(join(tmpdir(), 'berth-rootless-'));
  const made = await run(['useradd', '--home-dir', home, '--no-create-home', '--shell', '/bin/sh', name]);
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
  "packages/plugins/src/drivers/oci/$4" --testNamePattern "$5"`;

const asOrdinaryUser = async (file: string, tests: string): Promise<string> => {
  expect(process.getuid?.(), 'only root can make a user to try it as').toBe(0);
  await realGuest();
  await using user = await ordinaryUser();
  const checkout = new URL('../../../../../', import.meta.url).pathname;
  const launch = ['unshare', '--mount', '--propagation', 'private', '--', '/bin/sh', '-ec', AS_USER, 'suite'];
  const { code, output } = await run([...launch, checkout, user.home, user.name, file, tests]);
  expect(code, output).toBe(0);
  return output;
};

it('the suite holds for an ordinary user, too', { timeout: TIMEOUT_MS }, async () => {
  expect(await asOrdinaryUser('oci.test.ts', '')).toMatch(/because it has snapshots/);
});

it('an ordinary user starts sandboxes from images, too', { timeout: TIMEOUT_MS }, async () => {
  const output = await asOrdinaryUser('images/images.test.ts', 'starts from|paths lead|hard links|is shared');
  expect(output).toMatch(/paths lead through links/);
  expect(output).toMatch(/is shared while a sandbox uses it/);
});
