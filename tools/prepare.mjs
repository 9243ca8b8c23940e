/**
 * Runs at the end of `npm ci`, possibly on an older Node than Berth itself: plain JavaScript that starts the project's
 * own Node for the real work. Builds what is needed to run from the sources: the guest's bundle.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const own = join(root, 'node_modules/node/bin/node');
const node = existsSync(own) ? own : process.execPath;

for (const builder of ['packages/guest/build.mjs']) {
  if (!existsSync(join(root, builder))) continue;
  const { status } = spawnSync(node, [builder], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
