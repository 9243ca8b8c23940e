/** Finds the distribution package of a program in dpkg's database, without running another program. */
import { readFile } from 'node:fs/promises';
import type { ProgramVersion } from './flaws.ts';

export interface PackagedProgram {
  /** Of the package and so of its program. */
  readonly name: string;
  /** As reported by the program. */
  readonly version: string;
  /** Its real path: a program installed next to the package's is not part of it. */
  readonly path?: string | undefined;
}

/** Undefined without dpkg, for a program that is in no package, and when the version differs from the package's. */
export const packageOf = async (
  { name, version, path }: PackagedProgram,
  root = '/',
): Promise<ProgramVersion['packaged']> => {
  const linesOf = async (file: string): Promise<readonly string[]> =>
    (await readFile(`${root}${file}`, 'utf8').catch(() => '')).split('\n');
  const packaged = versionIn(await linesOf('var/lib/dpkg/status'), name);
  if (packaged === undefined || !isOf(packaged, version)) return undefined;
  if (path !== undefined && !(await linesOf(`var/lib/dpkg/info/${name}.list`)).includes(path))
    return undefined;
  const release = await linesOf('etc/os-release');
  return {
    distribution: `${fieldIn(release, 'ID')} ${fieldIn(release, 'VERSION_ID')}`,
    version: packaged,
  };
};

const VERSION = 'Version: ';

/** Paragraphs are separated by empty lines. */
const versionIn = (status: readonly string[], name: string): string | undefined => {
  const begin = status.indexOf(`Package: ${name}`);
  if (begin === -1) return undefined;
  const end = status.indexOf('', begin);
  const paragraph = status.slice(begin, end === -1 ? undefined : end);
  return paragraph.find((line) => line.startsWith(VERSION))?.slice(VERSION.length);
};

/** `1:2.39.5-0+deb12u3` is `2.39.5`, and neither `2.39` nor `2.3`. */
const isOf = (packaged: string, version: string): boolean => {
  const own = packaged.slice(packaged.indexOf(':') + 1);
  return own.startsWith(version) && !/^[.\d]/.test(own.slice(version.length));
};

const fieldIn = (release: readonly string[], name: string): string =>
  release
    .find((line) => line.startsWith(`${name}=`))
    ?.slice(name.length + 1)
    .replaceAll('"', '') ?? '';
