/**
 * Starts the built program next to this file, or its sources when they have changed since the build: after an edit
 * nobody runs a stale build unknowingly. Checking the dates takes a few milliseconds; only files newer than the build
 * are read. The lock file stands for third-party packages. When installed without the sources, there is nothing to
 * compare.
 */
const { existsSync, readFileSync, statSync } = process.getBuiltinModule('node:fs');
const { join } = process.getBuiltinModule('node:path');

const here = import.meta.dirname;
const { entry, builtAtMs, inputs } = JSON.parse(readFileSync(join(here, 'inputs.json'), 'utf8'));

const isSame = ([path, size, digest]) => {
  const file = join(here, path);
  const found = statSync(file, { throwIfNoEntry: false });
  if (found?.size !== size) return false;
  if (found.mtimeMs < builtAtMs) return true;
  const { createHash } = process.getBuiltinModule('node:crypto');
  return createHash('sha256').update(readFileSync(file)).digest('hex') === digest;
};

const isCurrent = !existsSync(join(here, '..', entry)) || inputs.every(isSame);
await import(isCurrent ? './program.mjs' : `../${entry}`);
