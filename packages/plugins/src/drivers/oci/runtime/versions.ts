/** The version of a runtime and its known flaws. */
import { realpath } from 'node:fs/promises';
import { type Flaw, flawsIn, type ProgramVersion, packageOf } from '@berth/plugin-api';
import { runSystemProgram } from '../../../linux/system-program.ts';
import type { RuntimeName } from './engines.ts';

const KNOWN: Readonly<Record<RuntimeName, readonly Flaw[]>> = {
  runc: [
    {
      name: 'CVE-2024-21626',
      what: "a container can access the host's files",
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
      what: "whoever can replace the root or shared folders of a container while it starts can write to the host's /proc; here nobody inside can write to them",
      fixed: ['1.2.8', '1.3.3', '1.4.0'],
    },
  ],
  crun: [
    {
      name: 'CVE-2019-18837',
      what: "an image can access the host's files through a link",
      fixed: ['0.10.5'],
      isEscape: true,
    },
    {
      name: 'CVE-2025-24965',
      what: 'a container run by libkrun can write to the host; libkrun is not used here',
      fixed: ['1.20'],
    },
    {
      name: 'CVE-2026-30892',
      what: '`crun exec` may start a program as root of the container; it is never called here',
      since: '1.19',
      fixed: ['1.27'],
    },
  ],
};

export interface Judged {
  /** For the operator: the version and its flaws. */
  readonly note: string;
  /** Why it is not used; absent when it may be. */
  readonly refusal: string | undefined;
}

export const judge = (name: RuntimeName, found: ProgramVersion): Judged => {
  const flaws = flawsIn(KNOWN[name], found);
  const told = `${name} ${found.packaged?.version ?? found.version}`;
  const escapeFlaw = flaws.find(({ isEscape }) => isEscape === true);
  const known = flaws.map((flaw) => ` has ${flaw.name} (${flaw.what})`).join(',');
  return {
    note: `${told}${known}`,
    refusal:
      escapeFlaw === undefined
        ? undefined
        : `${told} is not used: it has ${escapeFlaw.name} (${escapeFlaw.what}); install ${escapeFlaw.fixed[0]} or newer, or your distribution's patched package`,
  };
};

const TIMEOUT_MS = 10_000;

/** `path`: the program's path. An unknown version counts as the oldest. */
export const versionOf = async (name: RuntimeName, path: string): Promise<ProgramVersion> => {
  const { stdout } = await runSystemProgram([path, '--version'], TIMEOUT_MS);
  const version = /version (\d+\S*)/.exec(stdout)?.[1] ?? '0';
  return { version, packaged: await packageOf({ name, version, path: await realpath(path) }) };
};
