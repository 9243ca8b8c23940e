/**
 * Starts the program that lies beside this file, or its sources when they are no longer what it was built from: who
 * changes a source never runs an old build unknowingly. A look at the date of each takes a few milliseconds; only what
 * is younger than the build is read. The lock file among them stands for other people's packages. Installed without
 * the sources, there is nothing to compare.
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
