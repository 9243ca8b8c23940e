/** Which version of a runtime there is, and what is known to be wrong with it. */
import { readFile, realpath } from 'node:fs/promises';
import { type Flaw, flawsIn, type ProgramVersion } from '@berth/plugin-api';
import { runSystemProgram } from '../../linux/system-program.ts';
import type { RuntimeName } from './engines.ts';

const KNOWN: Readonly<Record<RuntimeName, readonly Flaw[]>> = {
  runc: [
    {
      name: 'CVE-2024-21626',
      what: 'a container reaches the files of the host',
      fixed: ['1.1.12'],
      packages: {
        'debian 11': '1.0.0~rc93+ds1-5+deb11u3',
        'debian 12': '1.1.5+ds1-1+deb12u1',
        'ubuntu 20.04': '1.1.7-0ubuntu1~20.04.2',
        'ubuntu 22.04': '1.1.7-0ubuntu1~22.04.2',
      },
      isEscape: true,
    },
    {
      name: 'CVE-2025-31133, CVE-2025-52565, CVE-2025-52881',
      what: 'who can exchange the root or shared folders of a container while it starts writes to /proc of the host; here nobody inside can write to them',
      fixed: ['1.2.8', '1.3.3', '1.4.0'],
    },
  ],
  crun: [
    {
      name: 'CVE-2019-18837',
      what: 'an image reaches the files of the host by a link',
      fixed: ['0.10.5'],
      isEscape: true,
    },
    {
      name: 'CVE-2025-24965',
      what: 'a container run by libkrun writes to the host; here none is',
      fixed: ['1.20'],
    },
    {
      name: 'CVE-2026-30892',
      what: '`crun exec` may start a program as root of the container; here it is never called',
      since: '1.19',
      fixed: ['1.27'],
    },
  ],
};

export interface Judged {
  /** For an operator: the version and what is known. */
  readonly note: string;
  /** Why it is not used; absent when it may be. */
  readonly refusal: string | undefined;
}

export const judge = (name: RuntimeName, found: ProgramVersion): Judged => {
  const flaws = flawsIn(KNOWN[name], found);
  const told = `${name} ${found.packaged?.version ?? found.version}`;
  const wayOut = flaws.find(({ isEscape }) => isEscape === true);
  const known = flaws.map((flaw) => ` has ${flaw.name} (${flaw.what})`).join(',');
  return {
    note: `${told}${known}`,
    refusal:
      wayOut === undefined
        ? undefined
        : `${told} is not used: it has ${wayOut.name} (${wayOut.what}); install ${wayOut.fixed[0]} or newer, or the mended package of your distribution`,
  };
};

const TIMEOUT_MS = 10_000;

/** `path`: where the program is. One that does not say its version counts as the oldest there can be. */
export const versionOf = async (path: string): Promise<ProgramVersion> => {
  const { stdout } = await runSystemProgram([path, '--version'], TIMEOUT_MS);
  return { version: /version (\d+\S*)/.exec(stdout)?.[1] ?? '0', packaged: await packageOf(path) };
};

/** None without dpkg, and for a program that came in no package. */
const packageOf = async (path: string): Promise<ProgramVersion['packaged']> => {
  const ask = async (...args: readonly string[]): Promise<string> =>
    (await runSystemProgram(['dpkg-query', ...args], TIMEOUT_MS).catch(() => undefined))?.stdout.trim() ?? '';
  const owner = /^([^:,\s]+)(?::\S+)?: /.exec(await ask('--search', await realpath(path)))?.[1];
  if (owner === undefined) return undefined;
  // Name and version of each architecture, a line each.
  const [, version = ''] = (await ask('--show', owner)).split('\n', 1)[0]?.split('\t') ?? [];
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '');
  const field = (name: string): string => new RegExp(`^${name}="?([^"\n]*)`, 'm').exec(release)?.[1] ?? '';
  return version === '' ? undefined : { distribution: `${field('ID')} ${field('VERSION_ID')}`, version };
};
