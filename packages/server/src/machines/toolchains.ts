/**
 * Node and Go where the user installed them outside the system folders, through a version manager or below /opt:
 * sandboxes only see /usr, so such a toolchain is exposed to them.
 *
 * Only the folders `bin`, `lib`, `include` and the like of its prefix are exposed, read-only, and only if the prefix
 * contains nothing else of note: never a home or a folder above one, never `~/.local`, never a folder with hidden
 * files. Shims of version managers are not followed, for they need their manager's home; the Node that runs the
 * server is the real one behind them. Rust toolchains are left out: `~/.cargo` holds programs and credentials side by
 * side.
 */
import { access, constants, readdir, realpath, stat } from 'node:fs/promises';
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path';
import type { ToolMount } from '@berth/plugin-api';

export interface Toolchains {
  readonly tools: readonly ToolMount[];
  /** Inside, to be searched first. */
  readonly path: readonly string[];
}

export interface ToolchainSources {
  /** A list of folders, in the format of the variable PATH. */
  readonly path: string;
  readonly home: string;
  /** The Node that runs the server. */
  readonly execPath: string;
}

const PROGRAMS = ['node', 'npm', 'go'] as const;
const SHOWN_AT = '/opt/berth/toolchains';
/** `pkg` and `src` are Go's standard library. */
const PARTS = ['bin', 'lib', 'include', 'pkg', 'src'];
const SYSTEM = /^\/(usr|bin|sbin|lib|lib64)(\/|$)/;

export const findToolchains = async (sources: ToolchainSources): Promise<Toolchains> => {
  const tools: ToolMount[] = [];
  const path: string[] = [];
  const seen = new Set<string>();
  for (const name of PROGRAMS) {
    const prefix = await prefixOf(name, sources);
    if (prefix === undefined || seen.has(prefix)) continue;
    seen.add(prefix);
    const target = `${SHOWN_AT}/${name}`;
    path.push(`${target}/bin`);
    for (const part of PARTS)
      if (await isFolder(join(prefix, part)))
        tools.push({ source: join(prefix, part), target: `${target}/${part}` });
  }
  return { tools, path };
};

/** Nothing if the program is the system's, absent, a shim, or in a place that must not be exposed. */
const prefixOf = async (name: string, sources: ToolchainSources): Promise<string | undefined> => {
  const found = await lookUp(name, sources.path);
  if (found === undefined || SYSTEM.test(found)) return undefined;
  const inPath = await toolchainAt(found, name, sources.home);
  if (inPath !== undefined || name === 'go') return inPath;
  const beside = join(dirname(await realpath(sources.execPath)), name);
  return SYSTEM.test(beside) ? undefined : await toolchainAt(beside, name, sources.home);
};

/** The first executable of that name, with links in its folder's path resolved. */
const lookUp = async (name: string, path: string): Promise<string | undefined> => {
  for (const folder of path.split(delimiter).filter(isTheUsers)) {
    const file = await realpath(folder).then(
      (real) => join(real, name),
      () => undefined,
    );
    if (file !== undefined && (await isProgram(file))) return file;
  }
  return undefined;
};

/** `npm run` and `npx` put a project's own programs first; they are not what the user works with. */
const isTheUsers = (folder: string): boolean =>
  isAbsolute(folder) && !`${folder}/`.includes('/node_modules/');

const toolchainAt = async (file: string, name: string, home: string): Promise<string | undefined> => {
  const prefix = dirname(dirname(file));
  if (basename(dirname(file)) !== 'bin' || !(await isProgram(file))) return undefined;
  const program = await realpath(file);
  // npm is a link into its Node's libraries; any other link to something with another name is a shim.
  const isItself = program.startsWith(`${prefix}/`) && (basename(program) === name || name === 'npm');
  const isNpm = name !== 'npm' || program.startsWith(`${prefix}/lib/`);
  return isItself && isNpm && (await mayBeShown(prefix, home)) ? prefix : undefined;
};

const mayBeShown = async (prefix: string, home: string): Promise<boolean> => {
  const own = await realpath(home).catch(() => home);
  if (prefix === '/' || prefix === join(own, '.local') || `${own}/`.startsWith(`${prefix}/`)) return false;
  return !(await readdir(prefix)).some((name) => name.startsWith('.'));
};

const isProgram = async (file: string): Promise<boolean> => {
  try {
    await access(file, constants.X_OK);
    return (await stat(file)).isFile();
  } catch {
    return false;
  }
};

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
